"""What a program of the certificate is: a pair of each engine, and exact gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inference.estimators.certificate import exact
from inference.estimators.certificate.cases import Case
from inference.estimators.certificate.expectations import Expected, bound_value, expected
from inference.estimators.certificate.sites import Array, Arrays
from inference.objectives import Objective

Bound = Callable[[Arrays], float]


class Program(Protocol):
    """A model and a guide whose expected gradients are known without a draw."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def values(self) -> Arrays:
        """Every parameter, in float64 that float32 represents."""
        ...

    @property
    def guide_names(self) -> frozenset[str]:
        """Parameters of the guide; the rest are the model's."""
        ...

    @property
    def latents(self) -> Sequence[str]:
        """The guide's sites, which objectives may own a baseline or a control variate for."""
        ...

    @property
    def rows(self) -> int:
        """How many data are scored at a time."""
        ...

    @property
    def batch(self) -> tuple[NDArray[Any], ...]:
        """What model and guide are given."""
        ...

    def pair(self, engine: str) -> Any:
        """Model and guide of an engine, with the parameters to start from."""
        ...

    def compared(self, engine: str, gradients: Arrays) -> Arrays:
        """An engine's gradients, (repeats, ...), by the names of the exact ones."""
        ...

    def expected(self, objective: Objective) -> Expected | None:
        """The exact mean gradient; None where there is no exact statement."""
        ...


@dataclass(frozen=True, eq=False)
class OfCase:
    """A case of the certificate on so many rows.

    Attributes:
        case: the case.
        rows: data scored at a time.
        full: data in all, where a plate inside of the pair takes `rows` of them.
    """

    case: Case
    rows: int
    full: int | None = None

    @property
    def name(self) -> str:
        """The case's name."""
        return self.case.name

    @property
    def values(self) -> Arrays:
        """The case's parameters."""
        return self.case.values

    @property
    def guide_names(self) -> frozenset[str]:
        """The case's."""
        return self.case.guide_names

    @property
    def latents(self) -> list[str]:
        """The guide's sites."""
        return [site.name for site in self.case.guide]

    @property
    def data(self) -> Array:
        """All data, in float64."""
        return self.case.data(self.full or self.rows)

    @property
    def batch(self) -> tuple[NDArray[Any], ...]:
        """The data, unless the pair holds them."""
        return () if self.full else (self.data.astype(np.float32),)

    def pair(self, engine: str) -> Any:
        """The case's pair."""
        part = (self.data, self.rows) if self.full else None
        return self.case.pair(engine, self.case.values, part)

    def compared(self, engine: str, gradients: Arrays) -> Arrays:
        """As they are."""
        del engine
        return gradients

    def expected(self, objective: Objective) -> Expected | None:
        """By enumeration or quadrature: see `inference.estimators.certificate.expectations`."""
        return expected(objective, self.case, self.data)


def by_bounds(
    objective: Objective, values: Arrays, elbo: Bound, multi: Callable[[Arrays, float, int], float]
) -> Expected | None:
    """The gradient of objectives that follow a scalar bound, by differences.

    Args:
        objective: the objective.
        values: the parameters.
        elbo: the ELBO at other parameters.
        multi: likewise Renyi's bound of order alpha and K particles; of order 0 that of IWAE.
    """
    estimates = objective.estimates
    if estimates is None or estimates.rule or estimates.model != estimates.guide:
        return None
    bound = estimates.model

    def value(at: Arrays) -> float:
        return bound_value(bound, objective, lambda: elbo(at), lambda a, k: multi(at, a, k))

    return Expected(exact.gradient(value, values))
