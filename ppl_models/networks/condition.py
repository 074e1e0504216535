"""What a conditional pair takes beside x: classes or vectors. It imports no framework."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppl_models.networks.arguments import check_size
from ppl_models.networks.labels import check_label_shape, check_labels


@dataclass(frozen=True)
class Condition:
    """The second argument y of a pair: one class for each row, or one vector.

    Attributes:
        classes: number of classes, or None.
        columns: columns of the vectors, or None.

    Raises:
        ValueError: if not exactly one of the two is given, or it is no size.
    """

    classes: int | None
    columns: int | None

    def __post_init__(self) -> None:
        if (self.classes is None) == (self.columns is None):
            raise ValueError(
                "give one of classes= (y is one whole number for each row) and condition_dim= (y "
                f"is a vector), got classes={self.classes!r}, condition_dim={self.columns!r}."
            )
        check_size("condition_dim" if self.classes is None else "classes", self.width)

    @property
    def width(self) -> int:
        """Columns of what networks see: the vector, or the class as one-hot."""
        width = self.columns if self.classes is None else self.classes
        assert width is not None
        return width

    def check(self, y: Any, rows: int | None) -> None:
        """Check a condition.

        Args:
            y: a numpy array, or None where there is none.
            rows: how many rows x has, None where there is no x.

        Raises:
            ValueError: if it is missing, or of the wrong shape, or a class is none of the pair's.
        """
        self.check_shape(y, rows)
        if self.classes is not None:
            check_labels(np.asarray(y), self.classes, rows, missing=False)

    def check_shape(self, y: Any, rows: int | None) -> None:
        """Check what is known of a condition even while a program is compiled.

        Raises:
            ValueError: if it is missing or of the wrong shape.
        """
        if y is None:
            expected = "(N,), a class for each row" if self.classes else f"(N, {self.width})"
            raise ValueError(
                f"y is missing: this pair is p(x | y) and needs a second array, {expected}; pass "
                "(x, y) in place of x."
            )
        if self.classes is not None:
            check_label_shape(tuple(y.shape), "int" in str(y.dtype), str(y.dtype), rows)
        elif len(y.shape) != 2 or y.shape[1] != self.width or rows not in (None, y.shape[0]):
            raise ValueError(
                f"y must have shape ({'N' if rows is None else rows}, {self.width}), got "
                f"{tuple(y.shape)}; build the pair with condition_dim= of the data."
            )

    def example(self) -> NDArray[Any]:
        """A condition of the right shape for one row."""
        if self.classes is None:
            return np.zeros((1, self.width), dtype=np.float32)
        return np.zeros(1, dtype=np.int64)
