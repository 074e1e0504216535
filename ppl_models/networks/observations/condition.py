"""What a pair takes beside x: classes or vectors, always or not. It imports no framework."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppl_models._shown import shown
from ppl_models.networks.arguments import check_count, check_size


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
                f"is a vector), got classes={shown(self.classes)}, "
                f"condition_dim={shown(self.columns)}."
            )
        check_size("condition_dim" if self.classes is None else "classes", self.width)

    @property
    def width(self) -> int:
        """Columns of what networks see: the vector, or the class as one-hot."""
        width = self.columns if self.classes is None else self.classes
        assert width is not None
        return width

    def rows(self, x: Any, y: Any, size: int | None) -> int:
        """How many rows a program has, given y and what else there is of its arguments.

        Raises:
            ValueError: if y is missing, of the wrong shape, or has another number of rows.
        """
        self.check_shape(y, size if x is None else len(x))
        return len(y)

    def check_batch(self, arrays: tuple[Any, ...]) -> None:
        """Check a batch (x, y) of numpy arrays.

        Raises:
            ValueError: if y is missing, or of the wrong shape, or a class is none of the pair's.
        """
        x, *given = arrays
        y = given[0] if given else None
        self.check_shape(y, len(x))
        if self.classes is not None:
            check_labels(np.asarray(y), self.classes, len(x), missing=False)

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

    def example(self) -> tuple[NDArray[Any], ...]:
        """What stands for y beside one row of x."""
        if self.classes is None:
            return (np.zeros((1, self.width), dtype=np.float32),)
        return (np.zeros(1, dtype=np.int64),)


class _Optional:
    """An argument y that a pair has only where it is built with one."""

    @property
    def condition(self) -> Condition | None:
        """The argument y, None where there is none."""
        raise NotImplementedError

    @property
    def width(self) -> int:
        """Columns of what networks see of y; 0 where there is none."""
        return 0 if self.condition is None else self.condition.width

    def rows(self, x: Any, y: Any, size: int | None) -> int:
        """How many rows a program has, given as many of its arguments as there are.

        Raises:
            ValueError: if y is missing or is not wanted, or has another number of rows.
        """
        self._check_presence(y, drawing=x is None)
        if self.condition is not None:
            return self.condition.rows(x, y, size)
        rows = size if x is None else len(x)
        return 1 if rows is None else rows

    def check_batch(self, arrays: tuple[Any, ...]) -> None:
        """Check a batch (x,) or (x, y) of numpy arrays.

        Raises:
            ValueError: as `rows`, or if an entry of y is no class.
        """
        self._check_presence(arrays[1] if len(arrays) > 1 else None, drawing=False)
        if self.condition is not None:
            self.condition.check_batch(arrays)

    def example(self) -> tuple[NDArray[Any], ...]:
        """What stands for y beside one row of x: a condition, or nothing."""
        return () if self.condition is None else self.condition.example()

    def _check_presence(self, y: Any, *, drawing: bool) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class OptionalClasses(_Optional):
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

    def _check_presence(self, y: Any, *, drawing: bool) -> None:
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


@dataclass(frozen=True)
class OptionalCondition(_Optional):
    """The condition of a pair that has one only where it is built with one.

    Attributes:
        classes: number of classes, or None.
        columns: columns of the vectors, or None. With neither, the pair takes x alone.

    Raises:
        ValueError: if both are given, or one is no size.
    """

    classes: int | None
    columns: int | None

    def __post_init__(self) -> None:
        if self.classes is not None or self.columns is not None:
            Condition(self.classes, self.columns)

    @property
    def condition(self) -> Condition | None:
        """The argument y, None where there is none."""
        given = self.classes is not None or self.columns is not None
        return Condition(self.classes, self.columns) if given else None

    def _check_presence(self, y: Any, *, drawing: bool) -> None:
        del drawing
        if y is not None and self.condition is None:
            raise ValueError(
                "y was given, but this pair takes x alone; leave y out, or build the pair with "
                "classes= or condition_dim=."
            )


def check_labels(y: NDArray[Any], classes: int, rows: int | None, *, missing: bool) -> None:
    """Check labels against a pair's classes.

    Args:
        y: the labels.
        classes: how many classes the pair has.
        rows: how many rows x has, None where there is no x.
        missing: whether -1 stands for a label that is not known.

    Raises:
        ValueError: if y is not one whole number for each row, or a label is no class.
    """
    check_label_shape(tuple(y.shape), y.dtype.kind in "iu", str(y.dtype), rows)
    least = -1 if missing else 0
    wrong = (y < least) | (y >= classes)
    if wrong.any():
        row = int(wrong.argmax())
        unknown = ", or -1 where it is not known" if missing else ""
        raise ValueError(
            f"y must hold classes from 0 to {classes - 1}{unknown}; got {y[row]} in row {row}. "
            "Build the pair with classes= of the data, or number its classes from 0."
        )


def check_label_shape(shape: tuple[int, ...], whole: bool, dtype: str, rows: int | None) -> None:  # noqa: FBT001
    """Check what is known of labels even while a program is compiled.

    Raises:
        ValueError: if y is not one whole number for each row.
    """
    if not whole:
        raise ValueError(
            f"y must hold whole numbers, the classes, got dtype {dtype}; convert it, for example "
            "with y.astype('int64')."
        )
    if len(shape) != 1 or (rows is not None and shape[0] != rows):
        expected = "(N,)" if rows is None else f"({rows},)"
        raise ValueError(f"y must have shape {expected}, one class for each row, got {shape}.")
