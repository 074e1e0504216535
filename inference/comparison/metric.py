"""A metric: a question to a run, and the figure that answers it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from numpy.typing import NDArray

from inference.arguments import check_flag, check_one_of, check_text
from inference.comparison.chains import Chains
from inference.descriptions import name_of, shown
from inference.errors import ArgumentError, ZooError
from inference.training.run import Run

Better = Literal["higher", "lower"]
Arrays = tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class Figure:
    """What a metric came to for one run.

    Attributes:
        value: the figure; None where the run has none.
        error: its standard error over the scored data, where it has one.
        note: why there is none.
    """

    value: float | None
    error: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Metric:
    """A question to a run.

    Attributes:
        measure: from a run and the rows to score to a figure or a number.
        unit: of the figure.
        better: `"higher"`, `"lower"`, or None where neither is.
        settings: keywords of `measure`.
        needs_guide: whether it means nothing for a run whose guide was not trained.
        needs_data: whether `measure` takes what was trained on as `data=`.
        needs_chains: whether `measure` takes the chains of the same pair as `reference=`.
        of_chains: what it is for chains themselves; None where it is nothing.
    """

    measure: Callable[..., Figure | float]
    unit: str = ""
    better: Better | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    needs_guide: bool = False
    needs_data: bool = False
    needs_chains: bool = False
    of_chains: Callable[[Chains], Figure | float] | None = None

    def __post_init__(self) -> None:
        """Refuse what is no question.

        Raises:
            ArgumentError: naming the argument.
        """
        if not callable(self.measure) or isinstance(self.measure, type):
            raise ArgumentError(
                f"measure must be a function of (run, x), got {shown(self.measure)}."
            )
        if self.of_chains is not None and not callable(self.of_chains):
            raise ArgumentError(
                f"of_chains must be a function of chains, or None, got {shown(self.of_chains)}."
            )
        if not isinstance(self.settings, Mapping) or not all(
            isinstance(key, str) for key in self.settings
        ):
            raise ArgumentError(
                f"settings must be keywords of measure, got {shown(self.settings)}."
            )
        check_text("unit", self.unit)
        if self.better is not None:
            check_one_of("better", self.better, ("higher", "lower"))
        for name in ("needs_guide", "needs_data", "needs_chains"):
            check_flag(name, getattr(self, name))

    def __call__(
        self, run: Run | Chains, x: Arrays, reference: Chains | None = None, data: Any = None
    ) -> Figure:
        """The figure of a run or of chains; where it cannot be had, a note says why."""
        try:
            return self._measured(run, x, reference, data)
        except ZooError as error:
            return Figure(None, note=str(error))

    def _measured(
        self, run: Run | Chains, x: Arrays, reference: Chains | None, data: Any
    ) -> Figure:
        if isinstance(run, Chains):
            if self.of_chains is None:
                return Figure(None, note="chains have no such figure")
            found = self.of_chains(run)
        elif self.needs_guide and not getattr(run.objective, "uses_guide", True):
            return Figure(None, note=f"{run.objective!r} trains no guide")
        elif self.needs_chains and reference is None:
            return Figure(
                None, note="no chains of the same pair to compare with; add NUTS() or Gibbs()"
            )
        else:
            beside = {"reference": reference} if self.needs_chains else {}
            beside |= {"data": data} if self.needs_data else {}
            found = self.measure(run, x, **beside, **self.settings)
        figure = found if isinstance(found, Figure) else Figure(float(found))
        if figure.value is not None and not math.isfinite(figure.value):
            why = f" ({figure.note})" if figure.note else ""
            return Figure(None, note=f"it came to {figure.value}{why}")
        return figure

    def __repr__(self) -> str:
        words = [f"{key}={value!r}" for key, value in self.settings.items()]
        return f"{name_of(self.measure)}({', '.join(words)})"
