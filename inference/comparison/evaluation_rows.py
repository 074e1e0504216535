"""Which rows a comparison scores, and by which name."""

from __future__ import annotations

from typing import Any

import numpy as np

from inference.data.arrays import array_id, as_arrays
from inference.data.drawn_rows import drawn_rows, said_rows
from inference.errors import DataError


def scored_rows(
    data: Any, test: Any, rows: int | None, seed: int
) -> tuple[np.ndarray[Any, Any], ...]:
    """The rows to score: `test`, or the data set's own test rows; all, or drawn ones.

    Raises:
        DataError: if there are none.
    """
    if test is not None:
        return drawn_rows(as_arrays(test), rows, seed=seed)
    if hasattr(data, "arrays") and len(data.test):
        return drawn_rows(data.arrays("test"), rows, seed=seed)
    raise DataError(
        "the data have no test rows to score; pass test=, an array or a tuple of arrays."
    )


def scored_id(data: Any, test: Any, rows: int | None, seed: int) -> str:
    """What the rows to score are; figures on others share no column."""
    if test is None and hasattr(data, "data_id"):
        whole, total = str(data.data_id("test")), len(data.test)
    else:
        arrays = as_arrays(test)
        whole, total = array_id(arrays), len(arrays[0])
    return whole if rows is None or rows >= total else f"{whole}, {said_rows(rows, seed, total)}"
