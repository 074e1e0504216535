"""What model and guide are called with: the arguments of one call, and those of batches."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.data.arrays import as_array, as_arrays, is_array
from inference.data.in_batches import as_plain, in_batches, is_numbers, together
from inference.data.pair_arrays import (
    as_scored,
    check_arrays,
    is_empty,
    is_of_the_zoo,
    precision_of,
)
from inference.data.support import check_finite_at_once
from inference.descriptions import has
from inference.errors import DataError
from inference.program.batches import Batch, plain_form, split
from inference.program.containers import is_container, mapped
from inference.program.signatures import model_signature, names_taken, takes

# What becomes of arguments whose arrays have no rows in common.
_WHOLE = {"data": "to hand all on whole in every step, pass a list with one batch, [(...)]"}
_ASKED = "the library's own Predictive takes others, with run.pair at run.params"


def leaves_of(value: Any) -> Iterator[Any]:
    """All that is in a value and its containers."""
    if not is_container(value):
        yield value
        return
    for part in value.values() if isinstance(value, dict) else value:
        yield from leaves_of(part)


def rows_of(pair: Any, data: Any, name: str, engine: str | None = None) -> Batch:
    """The arguments of one call, whose arrays have a row for each datum and can be cut by rows.

    What has no rows (numbers, None, strings, single numbers in arrays, arrays in dictionaries that
    are of another length than the others) is handed on whole.

    Args:
        pair: the pair that is to score them.
        data: an array, a tuple of arguments, or a dictionary of arguments by name.
        name: what to call them in a message.
        engine: whose the pair is, where it cannot be told from it.

    Raises:
        DataError: if nothing in it has rows, or it cannot be told what has.
    """
    real, data = precision_of(pair, engine), as_plain(data)
    if in_batches(pair, data):
        batch = together(data, name, lambda item: batch_from(pair, item, real))
    else:
        batch = batch_from(pair, (as_array(data, real),) if is_table(data) else data, real)
    lengths = [len(array) for array in batch.arrays if array.ndim]
    alike = len(lengths) == len(batch.arrays) and len(set(lengths)) == 1
    if is_of_the_zoo(pair) or (batch.form.plain and alike):
        check_arrays(pair, batch.arrays, name, engine=engine)
        return batch
    if not lengths:
        remedy = "pass a list of batches, each a tuple of arguments: [(...), ...]."
        if name != "data":
            remedy = "pass an array, or a tuple of arguments with one in it."
        raise DataError(
            f"{name} holds no array with rows, so that there is nothing to take minibatches of; "
            + remedy
        )
    for place, argument in enumerate(data if isinstance(data, tuple) else ()):
        size = argument.shape[0] if is_array(argument) and np.ndim(argument) else batch.rows
        listed = isinstance(argument, list) and len(argument) == batch.rows > 1
        if size != batch.rows or listed:
            what = "a list" if listed else f"an array of {size}"
            raise DataError(
                f"{name} must have equally many rows, got {sorted(set(lengths))}: most have "
                f"{batch.rows}, and argument {place} is {what}, which cannot be cut with them. "
                f"Pass arrays of the same length; {_WHOLE.get(name, _ASKED)}."
            )
    cut = batch.cut()
    for array in cut.arrays:
        if is_empty(array, first=all(each.size == 0 for each in cut.arrays)):
            raise DataError(f"{name} is empty: an array has shape {array.shape}; pass some rows.")
    check_finite_at_once(pair, batch, name, engine)
    return cut


def batch_from(pair: Any, item: Any, real: Any) -> Batch:
    """What model and guide are called with, from what a data loader yields.

    A tuple holds arguments by position, and so does a list, as loaders make it of a tuple; a
    dictionary holds arguments by name, if the model has such names; anything else is the only
    argument.

    Args:
        pair: the pair that is to score it.
        item: the batch.
        real: the type of real numbers.

    Raises:
        DataError: if an array does not hold numbers, or, of a pair of the zoo, if it is no array.
    """
    item = as_plain(item)
    if is_of_the_zoo(pair):
        arrays = as_scored(pair, as_arrays(tuple(item) if isinstance(item, list) else item, real))
        return Batch(arrays, plain_form(len(arrays)))
    if isinstance(item, list):
        item = (item,) if is_numbers(item) else tuple(item)
    item = alone(pair, item)
    if isinstance(item, dict):
        return arguments_from((), item, real)
    return arguments_from(item if isinstance(item, tuple) else (item,), {}, real)


def batches_of(iterable: Iterable[Any], pair: Any, engine: str | None = None) -> Iterator[Batch]:
    """One pass over an iterable of batches, each checked.

    Raises:
        DataError: if a batch holds arrays that the pair cannot score.
    """
    if isinstance(iterable, io.IOBase):
        raise DataError("data is an open file, not what is in it; pass its rows as an array.")
    real = precision_of(pair, engine)
    for item in iterable:
        batch = batch_from(pair, item, real)
        lengths = {len(array) if array.ndim else None for array in batch.arrays}
        if is_of_the_zoo(pair) or (batch.form.plain and len(lengths) == 1 and None not in lengths):
            check_arrays(pair, batch.arrays, "a batch", engine=engine)
        else:
            check_finite_at_once(pair, batch, "a batch", engine)
        yield batch


def arguments_from(args: tuple[Any, ...], kwargs: dict[str, Any], real: Any) -> Batch:
    """The arrays in the arguments of a call, in the type of real numbers, and their form.

    A list of numbers with a number, or equally many, for each row is an array too.

    Raises:
        DataError: if an array does not hold numbers.
    """
    given = (arg for arg in (*args, *kwargs.values()) if is_array(arg) and len(arg.shape))
    rows = next((int(arg.shape[0]) for arg in given), 0)  # sparse matrices have no len()
    first = args[0] if args else None

    def take(value: Any) -> NDArray[Any] | None:
        if not is_array(value):
            return None
        kind = getattr(getattr(value, "dtype", None), "kind", "")  # a table has several
        if value is not first and kind in ("O", "U", "S"):
            return None  # names, objects: only the program knows what they mean
        return as_array(value, real, first=value is first)

    def whole(value: Any) -> Any:
        alone = len(args) == 1 and not kwargs
        listed = type(value) is list and is_numbers(value) and (alone or len(value) == rows)
        if not listed:
            return value
        try:
            return np.asarray(as_array(value, real, first=value is first))
        except DataError:  # of unequal lengths
            return value

    def number(value: Any) -> Any:
        return value.item() if isinstance(value, np.generic) else value

    args = tuple(mapped(whole(arg), number) for arg in args)
    return split(args, {n: mapped(whole(arg), number) for n, arg in kwargs.items()}, take)


def is_table(value: Any) -> bool:
    """Whether a list is an array of one or two dimensions: numbers, or rows of one length."""
    if type(value) is not list or not is_numbers(value):
        return False
    rows = [len(row) if isinstance(row, (list, tuple)) else -1 for row in value]
    flat = all(not isinstance(entry, (list, tuple)) for row in value for entry in _entries(row))
    return len(set(rows)) == 1 and flat


def are_calls(pair: Any, rows: list[Any]) -> bool:
    """Whether rows of numbers are what a model is called with, which takes no table of them."""
    if not all(isinstance(row, tuple) for row in rows):
        return False
    signature = model_signature(pair)
    if signature is None:
        return False
    return all(takes(signature, *row) for row in rows) and not takes(signature, rows)


def _entries(row: Any) -> Any:
    return row if isinstance(row, (list, tuple)) else (row,)


def unpacked(batch: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments of `f(*batch)`, of which `f((x, y))` is another way to write `f(x, y)`."""
    batch = (as_plain(batch[0]),) if len(batch) == 1 else batch
    if len(batch) == 1 and isinstance(batch[0], tuple) and any(map(is_array, leaves_of(batch[0]))):
        return batch[0]
    return batch


def as_called(pair: Any, given: tuple[Any, ...]) -> Any:
    """What `f(*given)` is about: arguments by position, or a dictionary of arguments by name.

    A dictionary alone is the only argument where the model has no argument of such a name.
    """
    if len(given) != 1 or not isinstance(given[0], dict):
        return given
    signature = model_signature(pair)
    known = None if signature is None else names_taken(signature)
    return given[0] if known is None or set(given[0]) & known else given


def alone(pair: Any, data: Any) -> Any:
    """Data as they are; a dictionary without a name of the model's arguments as its only one."""
    return as_called(pair, (data,)) if isinstance(data, dict) and data else data


def first_of_batches(pair: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
    """What `f(*given)` is called with; of a loader, or of a zoo pair's batches, the first of them.

    A list may be the argument of a program of one's own, and what has no end is left alone.
    """
    data = given[0] if len(given) == 1 else None
    of_batches = is_of_the_zoo(pair) or not isinstance(data, list)
    if data is None or not (of_batches and has(data, "__len__") and in_batches(pair, data)):
        return given
    first = next(iter(data), None)
    several = isinstance(first, (list, tuple)) and not is_numbers(first)
    return given if first is None else (tuple(first) if several else (first,))


def no_batch(given: Any) -> str:
    """What to pass in place of something that holds rows and is none; empty where it is none."""
    if isinstance(given, Iterator):
        return ", which gives its batches once; pass one of them"
    if has(given, "train", "valid"):
        return "; pass one of its splits, such as data.train[:8]"
    return "; pass what is in its .tensors" if has(given, "tensors", "__getitem__") else ""


def named_apart(
    pair: Any, batch: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What `f(pair, *batch, **named)` hands on by position and by name.

    A dictionary alone, as `fit` takes it, is of arguments by name where the model has them all.
    """
    given = unpacked(batch)
    if len(given) == 1 and isinstance(given[0], dict) and given[0] and not named:
        signature = model_signature(pair)
        if signature is not None and set(given[0]) <= set(signature.parameters):
            placed = by_position(pair, given[0])
            return (placed, {}) if isinstance(placed, tuple) else ((), dict(placed))
    return given, named


def by_position(pair: Any, data: Any) -> Any:
    """The arguments of a pair of the zoo as a tuple, where they come by name.

    Its guide may call them otherwise than its model does. All else is returned as it is.
    """
    signature = model_signature(pair) if isinstance(data, dict) and is_of_the_zoo(pair) else None
    names = list(signature.parameters)[: len(data)] if signature is not None else []
    return tuple(data[name] for name in names) if names and {*names} == {*data} else data
