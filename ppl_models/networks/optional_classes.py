"""A second argument y that a pair takes only where it has classes; it imports no framework."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ppl_models.networks.arguments import check_count
from ppl_models.networks.condition import Condition
from ppl_models.networks.labels import check_labels


@dataclass(frozen=True)
class OptionalClasses:
    """The classes of a pair, one whole number for each row, or none at all.

    Attributes:
        classes: number of classes, 0 for a pair without.

    Raises:
        ValueError: if it is not a whole number of at least 0.
    """

    classes: int

    def __post_init__(self) -> None:
        check_count("classes", self.classes)

    @property
    def condition(self) -> Condition | None:
        """The argument y, None where there is none."""
        return Condition(self.classes, None) if self.classes else None

    def rows(self, x: Any, y: Any, size: int | None) -> int:
        """How many rows a program has, given as many of its arguments as there are.

        Raises:
            ValueError: if y is missing or is not wanted, or has another number of rows.
        """
        self._check_presence(y, x is None)
        rows = size if x is None else len(x)
        if self.condition is None:
            return 1 if rows is None else rows
        self.condition.check_shape(y, rows)
        return len(y)

    def check_values(self, y: NDArray[Any]) -> None:
        """Check that every entry of y is a class.

        Raises:
            ValueError: naming the first that is none.
        """
        check_labels(y, self.classes, None, missing=False)

    def check(self, arrays: tuple[Any, ...]) -> None:
        """Check a batch (x,) or (x, y) of numpy arrays.

        Raises:
            ValueError: as `rows`, or if an entry of y is no class.
        """
        x, *given = arrays
        y = given[0] if given else None
        self._check_presence(y, drawing=False)
        if self.condition is not None:
            self.condition.check(y, len(x))

    def example(self) -> tuple[NDArray[Any], ...]:
        """What stands for y beside one row of x: a class, or nothing."""
        return () if self.condition is None else (self.condition.example(),)

    def _check_presence(self, y: Any, drawing: bool) -> None:  # noqa: FBT001
        if y is not None and not self.classes:
            raise ValueError(
                "y was given, but this pair has no classes; leave y out, or build the pair with "
                "classes=."
            )
        if y is None and self.classes and drawing:
            raise ValueError(
                f"y is missing: this pair draws x of given classes; pass y, one whole number from "
                f"0 to {self.classes - 1} for each row to draw, as in model(None, y)."
            )
