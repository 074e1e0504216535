"""Scales and masks: the terms of a site times a number, and the draws as they were.

    scaled     the whole pair under a scale of 3: every gradient is three times that of the case
    annealed   latents under a scale of 0.4, in model and guide: E_q[log p(x | z)] - 0.4 KL
    masked     the latents of some rows are not scored: E_q[log p(x | z)] for these rows

A scale that the latents share stays outside of a logarithm; what observed sites have beside it
tempers their likelihood. Scales and masks belong to the costs: the score of a draw and the
probability of a state are those of the site without them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.estimators.certificate.cases import CASES, Case
from inference.estimators.certificate.expectations import Expected, expected
from inference.estimators.certificate.libraries import as_array, frameworks
from inference.estimators.certificate.programs.program import OfCase
from inference.estimators.certificate.quadrature import log_density
from inference.estimators.certificate.sites import Array, Arrays, Site
from inference.objectives import Objective


@dataclass(frozen=True, eq=False)
class Weighted(Case):
    """A case some of whose sites stand under a scale or a mask.

    Attributes:
        scales: by site.
        masks: by site, one entry for each row.
        outside: the latents' scale, which all of them share.
    """

    scales: Mapping[str, float] = field(default_factory=dict)
    masks: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    outside: float = 1.0

    def log_p(self, values: Arrays, x: NDArray[Any], latents: Mapping[str, NDArray[Any]]) -> Array:
        """The model's terms relative to the scale outside, (N, J)."""
        return self._terms(self.model, values, {"x": x[:, None], **latents}, (-1, 1))

    def log_q(self, values: Arrays, x: NDArray[Any], latents: Mapping[str, NDArray[Any]]) -> Array:
        """The guide's terms relative to the scale outside, (N, J)."""
        return self._terms(self.guide, values, {"x": x[:, None], **latents}, (-1, 1))

    def log_drawn(
        self, values: Arrays, x: NDArray[Any], latents: Mapping[str, NDArray[Any]]
    ) -> Array:
        """The guide's terms without masks, (N, J)."""
        return dataclasses.replace(self, masks={}).log_q(values, x, latents)

    def log_w(self, values: Arrays, known: Mapping[str, NDArray[Any]]) -> Array:
        """Terms of model less guide, with the data on the last axis."""
        model, guide = (
            self._terms(sites, values, known, (-1,)) for sites in (self.model, self.guide)
        )
        return model - guide

    def sleeping(self, rows: int) -> tuple[Case, float]:
        """The case with scales alone; rows whose latents are masked teach the guide nothing."""
        masks = [self.masks[site.name] for site in self.guide if site.name in self.masks]
        unmasked = dataclasses.replace(self, masks={})
        return unmasked, float(masks[0].sum()) if masks else rows

    def around(self, engine: str, site: str) -> AbstractContextManager[Any]:
        """The engine's own handlers."""
        library, arrays = frameworks(engine)
        handlers = library.poutine if engine == "pyro" else library.handlers
        stack = ExitStack()
        if site in self.scales:
            stack.enter_context(handlers.scale(scale=self.scales[site]))
        if site in self.masks:
            mask = as_array(engine, self.masks[site]) > 0
            stack.enter_context(handlers.mask(mask=arrays.asarray(mask)))
        return stack

    def _terms(
        self,
        sites: tuple[Site, ...],
        values: Arrays,
        known: Mapping[str, NDArray[Any]],
        by_row: tuple[int, ...],
    ) -> Array:
        total: Any = 0.0
        for site in sites:
            term = log_density(site, known[site.name], site.parameters(values, known))
            mask = self.masks.get(site.name)
            scale = self.scales.get(site.name, 1.0) / self.outside
            weight = scale if mask is None else scale * mask.astype(np.float64).reshape(by_row)
            total = total + weight * term
        return total


@dataclass(frozen=True, eq=False)
class UnderWeights(OfCase):
    """A program of such a case."""

    case: Weighted

    def expected(self, objective: Objective) -> Expected | None:
        """The exact gradient with the scale outside put back."""
        found = expected(objective, self.case, self.data)
        if found is None:
            return None
        return Expected({n: self.case.outside * g for n, g in found.gradient.items()}, found.bias)


def weighted(
    name: str,
    case: Case,
    *,
    latents: float = 1.0,
    data: float = 1.0,
    masked: NDArray[np.bool_] | None = None,
) -> Weighted:
    """A case under scales and a mask.

    Args:
        name: its name.
        case: the case.
        latents: scale of the latents, in model and guide.
        data: scale of x.
        masked: by row, whether the latents are scored.
    """
    names = [site.name for site in case.guide]
    scales = {n: s for n, s in ((*((n, latents) for n in names), ("x", data))) if s != 1}
    masks = {} if masked is None else dict.fromkeys(names, masked)
    own: dict[str, Any] = {f.name: getattr(case, f.name) for f in dataclasses.fields(Case)}
    return Weighted(**{**own, "name": name}, scales=scales, masks=masks, outside=latents)


_SOME = np.arange(12) % 3 > 0  # a third of the rows is masked
WEIGHTED = (
    UnderWeights(weighted("scaled, Bernoulli", CASES["bernoulli"], latents=3.0, data=3.0), 12),
    UnderWeights(
        weighted("scaled, Gaussian", CASES["reparameterised"], latents=0.25, data=0.25), 12
    ),
    UnderWeights(weighted("annealed, Bernoulli", CASES["bernoulli"], latents=0.4), 12),
    UnderWeights(weighted("annealed, Gaussian", CASES["reparameterised"], latents=0.4), 12),
    UnderWeights(weighted("masked", CASES["mixed"], masked=_SOME), 12),
)
