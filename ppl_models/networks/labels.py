"""Checks on class labels that come as data; they import no framework."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray


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
