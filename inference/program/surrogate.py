"""What an engine needs of an objective: a scalar over a program, and who owns and trains what."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self

from numpy.typing import NDArray

from inference.descriptions import shown
from inference.errors import ObjectiveError
from inference.program.phases import Phase
from inference.program.program import Program
from inference.program.structure import Structure


def nothing_to_learn(objective: Any) -> ObjectiveError:
    """The refusal of a pair of which nothing that an objective looks at can be trained."""
    mean = getattr(objective, "draw", "") == "mean"  # a scale, for one, changes the draws alone
    ways = "another way of drawing, such as draw='sample', " if mean else ""
    return ObjectiveError(
        f"{objective!r} has nothing to learn: what it looks at changes with no parameter of this "
        f"pair. Use ELBO(), which trains the guide too, {ways}or give the model parameters."
    )


def scalar_of(objective: Any, program: Program) -> Any:
    """An objective's surrogate on a program.

    Raises:
        ObjectiveError: if it is no number.
    """
    found = objective.surrogate(program)
    if not isinstance(found, (int, float)) and math.prod(getattr(found, "shape", (0,))) != 1:
        raise ObjectiveError(
            f"the surrogate of {objective!r} must be one number, summed over the data, got "
            f"{shown(found)}."
        )
    return found


class Surrogate(ABC):
    """An objective as an engine sees it; the libraries' own losses are none.

    `inference.objectives.Objective` says what each of these means.
    """

    unit: str
    owns: bool
    keeps: int = 0

    @property
    @abstractmethod
    def uses_guide(self) -> bool:
        """Whether the guide is trained."""
        ...

    @abstractmethod
    def __call__(self, model: Any, guide: Any, *args: Any, **kwargs: Any) -> Any:
        """The negative surrogate, as `pyro.infer.SVI` calls it."""
        ...

    @abstractmethod
    def loss(self, *args: Any, **kwargs: Any) -> Any:
        """The same, as `numpyro.infer.SVI` calls it."""
        ...

    @abstractmethod
    def surrogate(self, program: Program) -> Any:
        """The scalar to maximise."""
        ...

    @abstractmethod
    def bound(self, program: Program) -> Any:
        """The bound to report."""
        ...

    @abstractmethod
    def require(self, structure: Structure) -> Structure:
        """Refuse a pair that the objective does not fit; the structure as it looks at it."""
        ...

    def ask_of_values(self, engine: str, pair: Any, rows: Any, structure: Structure) -> None:
        """Refuse what only values tell of a pair."""
        del engine, pair, rows, structure

    @abstractmethod
    def check_beside(self, array: NDArray[Any], name: str = "data") -> None:
        """Refuse an array that the objective looks at and the pair is not given."""
        ...

    def check_all_beside(self, array: NDArray[Any]) -> None:  # noqa: B027  (most take any)
        """Refuse what it looks at, of all training rows, where nothing can be learnt from that."""

    @abstractmethod
    def draws_per_datum(self, structure: Structure) -> int:
        """How many values of the latents are held at a time."""
        ...

    @abstractmethod
    def during(self, phase: str | None) -> Self:
        """The objective for the steps of the phase of that name; for everybody's of None."""
        ...

    @abstractmethod
    def symptom(self, carried: Mapping[str, Any]) -> str:
        """What was wrong in a step whose loss is not finite."""
        ...

    @property
    @abstractmethod
    def phases(self) -> tuple[Phase, ...]:
        """Whose turn a step is, over and over."""
        ...

    @property
    @abstractmethod
    def networks(self) -> dict[str, Any]:
        """The engine's networks that the objective trains."""
        ...
