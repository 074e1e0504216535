"""Some rows of data: drawn by a stated seed, because a file may be sorted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from inference.arguments import check_count, check_seed
from inference.descriptions import shown
from inference.errors import DataError

Rows = TypeVar("Rows", bound=NDArray[Any] | tuple[NDArray[Any], ...])


FIRST_IS_ROWS = (
    "{0} is now {1}: so many rows drawn by {2} (0 unless it is given), because a file may be "
    "sorted by class, and its first rows are then no sample of it. Write {1} in place of {0}."
)
"""What the old word for some rows is answered with, after the names of old, new and seed."""


def drawn_rows(x: Rows, rows: int | None, *, seed: int = 0) -> Rows:
    """So many rows of data, drawn without replacement, in the order that they had.

    The first rows of a file are no sample of it: the test split of the fixed-binarised MNIST is
    sorted by class, and its first 200 rows are zeros.

    Args:
        x: an array with a row for each datum, or a tuple of such arrays, whose rows stay together.
        rows: how many; all of them for None, and where there are no more.
        seed: of the draw. The same seed draws the same rows of as many.

    Returns:
        The rows, as `x` was given.

    Raises:
        ArgumentError: if rows or seed is out of range.
        DataError: if the arrays of a tuple differ in their rows.

    Examples:
        `log_likelihood(run, drawn_rows(data.test, 200, seed=0))`
    """
    check_seed(seed)
    arrays = x if isinstance(x, tuple) else (x,)
    for each in arrays:
        if isinstance(each, type) or _count(each) is None:
            raise DataError(
                f"x must be an array with rows, or a tuple of such arrays, got {shown(each)}."
            )
    counts = {_count(array) for array in arrays}
    if len(counts) != 1:
        said = ", ".join(str(_count(array)) for array in arrays) or "no arrays"
        raise DataError(f"x must be arrays with as many rows each; got {said}.")
    total: Any = counts.pop()
    if rows is None or check_count("rows", rows) >= total:
        return x
    index = np.sort(np.random.default_rng(seed).permutation(total)[:rows])
    found: Any = tuple(_taken(array, index) for array in arrays)
    return found if isinstance(x, tuple) else found[0]


def _count(array: Any) -> int | None:
    """How many rows something has; None if it has none."""
    shape = getattr(array, "shape", None)
    if isinstance(shape, tuple):
        return int(shape[0]) if shape else None
    rows = isinstance(array, Sequence) and not isinstance(array, (str, bytes, bytearray))
    return len(array) if rows else None


def _taken(array: Any, index: Any) -> Any:
    """Some rows: of a table by their place, whatever its columns are called."""
    if hasattr(array, "iloc"):
        return array.iloc[index]
    if hasattr(array, "tocsr"):
        return array.tocsr()[index]
    if getattr(array, "is_sparse", False):  # of torch
        array = array.to_dense()
    return array[index] if hasattr(array, "shape") else [array[i] for i in index]


def said_rows(rows: int | None, seed: int, total: int) -> str:
    """Words for which rows these are, such as "200 of 10,000, drawn by seed 0"."""
    if rows is None or rows >= total:
        return f"{total:,} of {total:,}"
    return f"{rows:,} of {total:,}, drawn by seed {seed}"
