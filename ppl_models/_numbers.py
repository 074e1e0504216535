"""Real numbers in numpy, from whatever holds them; what has none is refused by its name."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppl_models._shown import shown

_KINDS = (int, float, np.integer, np.floating, np.bool_)


def real_numbers(name: str, values: Any) -> NDArray[Any]:
    """The numbers of an array, a table, a list or a tensor, in the type that they have.

    Sparse matrices are written out; a tensor's gradient is left behind.

    Raises:
        ValueError: if they are text, dates, complex numbers or other things, have rows of unequal
            length, or some are masked; the message names them.
    """
    if np.ma.is_masked(values):
        raise ValueError(
            f"{name} has {np.ma.count_masked(values)} masked values, which would be taken as they "
            "lie under the mask; remove or impute those rows."
        )
    try:
        array = np.asarray(_held(values))
    except Exception as error:  # of unequal rows, or its own when it is asked
        why = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(
            f"{name} must be an array of real numbers, and {shown(values)} cannot be made one: "
            f"{why[0].rstrip('.')}."
        ) from error
    if array.dtype.kind == "O" and all(_is_number(entry) for entry in array.ravel()):
        array = _floats(name, array)  # such as columns of several types, all of them numbers
    if array.dtype.kind not in "biuf" or isinstance(values, (bytes, bytearray)):
        came = array.dtype if hasattr(values, "dtype") else shown(values)
        raise ValueError(f"{name} must hold real numbers, got {came}; code it as numbers.")
    return array


def _held(values: Any) -> Any:
    """What numpy takes of a tensor or a sparse matrix; anything else as it is."""
    if hasattr(values, "detach") and hasattr(values, "layout"):
        values = values.detach()
        values = values.dequantize() if values.is_quantized else values
        return values.to_dense().cpu() if "sparse" in str(values.layout) else values.cpu()
    if hasattr(values, "toarray"):
        return values.toarray()
    return values


def _is_number(entry: Any) -> bool:
    return isinstance(entry, _KINDS) and not isinstance(entry, np.timedelta64)


def _floats(name: str, array: NDArray[Any]) -> NDArray[np.float64]:
    try:
        return array.astype(np.float64)
    except OverflowError as error:
        raise ValueError(f"{name} holds whole numbers that are too large for a float.") from error
