"""Checks of the arrays that an objective looks at by itself: see `Objective.keeps`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import DataError


def check_finite(array: NDArray[Any], name: str, what: str) -> None:
    """Refuse rows with NaN or infinite values.

    Args:
        array: shape (N, ...).
        name: what to call the data in a message.
        what: what the array holds, in words.

    Raises:
        DataError: with the first such row.
    """
    wrong = (~np.isfinite(array)).reshape(len(array), -1).any(1)
    _refuse(array, wrong, f"{name} must end with {what} finite in each row")


def check_marks(array: NDArray[Any], name: str, what: str, allowed: Sequence[int]) -> None:
    """Refuse what is not one of some whole numbers for each row.

    Args:
        array: shape (N,) or (N, 1).
        name: what to call the data in a message.
        what: what the array holds, in words.
        allowed: the whole numbers.

    Raises:
        DataError: with the shape, or the first row that has another number.
    """
    expected = (
        f"{name} must end with {what} a whole number from {min(allowed)} to {max(allowed)} for "
        "each row"
    )
    if array.size != len(array):
        raise DataError(
            f"{expected}, shape (N,), got {array.shape}; a one-hot code becomes such numbers by "
            ".argmax(1)."
        )
    _refuse(array, ~np.isin(array.reshape(-1), list(allowed)), expected)


def _refuse(array: NDArray[Any], wrong: Any, expected: str) -> None:
    """Raise if a row is wrong.

    Raises:
        DataError: with the first such row.
    """
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{expected}; {np.count_nonzero(wrong)} of {len(array)} rows are not, the first is row "
            f"{row}: {np.array2string(array[row], threshold=8)}. Code them so, or leave them out."
        )
