"""One set of rows that is given in batches: a list of them, or a data loader."""

from __future__ import annotations

from array import array
from collections import UserList, deque
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any

import numpy as np

from inference.data.arrays import is_array
from inference.descriptions import has
from inference.errors import DataError
from inference.program.batches import Batch
from inference.program.signatures import model_signature, takes

_MOST_AXES = 64  # of an array of numpy's


def as_plain(value: Any) -> Any:
    """What stands for an array, a dictionary or a list, as one of these; all else as it is.

    Raises:
        DataError: if it has no order of rows, or rows of unequal length in one tensor.
    """
    if isinstance(value, (memoryview, array, range)):
        return np.asarray(value)
    if isinstance(value, Mapping) and not isinstance(value, dict):
        return dict(value)
    if isinstance(value, (UserList, deque)):
        return list(value)
    if isinstance(value, Set):
        raise DataError(
            f"data is a {type(value).__name__}, which has no order of rows; pass an array or list."
        )
    tensor: Any = value
    if has(value, "detach", "is_nested") and tensor.is_nested is True:
        raise DataError(
            "data is a nested tensor, whose rows differ in length; pass (padded, lengths), with "
            "padded = torch.nested.to_padded_tensor(x, 0.0), or a list of batches."
        )
    return value


def in_batches(pair: Any, data: Any) -> bool:
    """Whether data are batches of one set, and not the arguments of one call.

    Arrays in a list are batches where they differ in length, or where the model takes fewer
    arguments; otherwise they are arguments, as loaders make a list of a tuple.

    Args:
        pair: the pair that is to score them.
        data: what was given.
    """
    if is_array(data) or isinstance(data, (tuple, dict, str, bytes)) or is_numbers(data):
        return False
    if not isinstance(data, list):
        return isinstance(data, Iterable)
    if all(isinstance(item, (tuple, list, dict)) for item in data):
        return bool(data)
    if not all(is_array(item) and len(item.shape) for item in data):
        return False
    signature = model_signature(pair)
    fits = signature is None or takes(signature, *data)
    return len({int(item.shape[0]) for item in data}) > 1 or not fits


def together(data: Iterable[Any], name: str, read: Callable[[Any], Batch]) -> Batch:
    """Batches behind each other as one.

    Args:
        data: the batches.
        name: what to call them in a message.
        read: the arguments in a batch.

    Raises:
        DataError: if they are no set of rows, or there may be no end of them.
    """
    try:
        len(data)  # pyright: ignore[reportArgumentType]
    except TypeError:
        raise DataError(
            f"{name} ({type(data).__name__}) does not say how many batches it has, which may be "
            "without end; pass its rows as an array, a tuple of arrays, or a list of batches."
        ) from None
    batches = [read(item) for item in data]
    if not batches:
        raise DataError(f"{name} is empty: there is no batch in it. Pass some rows.")
    first = batches[0]
    shapes = [[np.shape(part)[1:] for part in batch.arrays] for batch in batches]
    whole = first.arrays and all(np.ndim(part) for batch in batches for part in batch.arrays)
    alike = all(batch.form == first.form for batch in batches)
    if not (whole and alike and shapes == shapes[:1] * len(shapes)):
        raise DataError(
            f"{name} comes in {len(batches)} batches that cannot be put behind each other as one "
            "set of rows: their arguments are not all arrays with a row for each datum, or differ "
            "in shape. Pass arrays with a row for each datum."
        )
    columns = zip(*(batch.arrays for batch in batches), strict=True)
    return Batch(tuple(np.concatenate(parts) for parts in columns), first.form)


def is_numbers(value: Any, depth: int = 0) -> bool:
    """Whether a list holds nothing but numbers, in lists as deep as arrays have axes."""
    if isinstance(value, (list, tuple)):
        within = depth < _MOST_AXES  # a list may hold itself
        return within and bool(value) and all(is_numbers(part, depth + 1) for part in value)
    return isinstance(value, (int, float, np.generic))
