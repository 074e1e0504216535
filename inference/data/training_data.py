"""What `fit` and the evaluations accept as data, checked before it reaches a framework."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.data.arrays import as_array, is_array
from inference.data.support import check_finite, check_finite_at_once
from inference.engines import engine_name, load_engine
from inference.errors import ArgumentError, DataError
from inference.program.batches import Batch, Form, plain_form, split
from inference.program.containers import is_container, mapped

Arrays = tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class TrainingData:
    """Arrays or batches to train on, with where they come from.

    Attributes:
        arrays: training arrays with N rows each; empty when `batches` is given.
        valid: validation arrays; may be empty.
        batches: an iterable of batches, or None.
        binarise: whether real arrays hold probabilities, to be drawn afresh in each step.
        identity: what the spec records to tell one data set from another.
        image_shape: shape of one row as a picture, if it is one.
        form: how the training arrays make up the arguments of model and guide.
        valid_form: the same for the validation arrays.
    """

    arrays: Arrays
    valid: Arrays
    batches: Iterable[Any] | None
    binarise: bool
    identity: str
    image_shape: tuple[int, int] | None
    form: Form = field(default_factory=lambda: plain_form(0))
    valid_form: Form = field(default_factory=lambda: plain_form(0))


def prepare(pair: Any, data: Any, valid: Any = None, *, engine: str | None = None) -> TrainingData:
    """Understand data and validation data, and check them against the pair.

    Args:
        pair: the pair that is to score them.
        data: a dataset, an array, a tuple of arguments, a dictionary of arguments by name, or an
            iterable of batches. A dataset is anything with `train` and `valid` arrays; `y`, by
            split, is the second argument of pairs that take one, `dynamic` tells whether it is
            binarised afresh in each step, and `data_id(split)` what it is.
        valid: validation data in place of the dataset's own.
        engine: whose the pair is, where it cannot be told from it.

    Raises:
        DataError: if it is none of these, or an array cannot be scored by the pair.
    """
    found = _understood(pair, data, valid, engine)
    _check_alike(found.arrays, found.valid)
    return replace(
        found,
        arrays=as_scored(pair, found.arrays) if found.arrays else (),
        valid=as_scored(pair, found.valid) if found.valid else (),
    )


def _understood(pair: Any, data: Any, valid: Any, engine: str | None) -> TrainingData:
    real = precision_of(pair, engine)
    read, check = partial(as_arrays, real=real), partial(check_arrays, engine=engine)
    if hasattr(data, "train") and hasattr(data, "valid"):
        given = getattr(data, "y", None) or {}
        train = read(data.train) + (read(given["train"]) if given else ())
        held_out = read(data.valid if valid is None else valid)
        if valid is None and given:
            held_out += read(given["valid"])
        shape = getattr(data, "image_shape", None)
        check(pair, train, "train")
        if len(held_out[0]):
            check(pair, held_out, "valid")
        return TrainingData(
            arrays=train,
            valid=held_out if len(held_out[0]) else (),
            batches=None,
            binarise=bool(getattr(data, "dynamic", False)),
            identity=str(data.data_id("train")) if hasattr(data, "data_id") else array_id(train),
            image_shape=shape if shape is not None and len(shape) == 2 else None,
            form=plain_form(len(train)),
            valid_form=plain_form(len(held_out)),
        )
    held_out = Batch(()) if valid is None else rows_of(pair, valid, "valid", engine)
    if _is_one_call(pair, data):
        whole = rows_of(pair, data, "data", engine)
        identity = array_id(whole.arrays) if whole.form.plain else f"arguments/{whole.digest()}"
        forms = {"form": whole.form, "valid_form": held_out.form}
        return TrainingData(whole.arrays, held_out.arrays, None, False, identity, None, **forms)
    if isinstance(data, Iterable) and not isinstance(data, (str, bytes, dict)):
        name = f"iterable/{type(data).__name__}"
        if isinstance(data, list):  # all of it is here, so that a resumed run can tell it
            read_batches = [batch_from(pair, item, real) for item in data]
            name = f"list/{array_id(tuple(a for batch in read_batches for a in batch.arrays))}"
            if not all(batch.form.plain for batch in read_batches):
                name += "/" + "".join(batch.digest() for batch in read_batches)[:48]
        forms = {"valid_form": held_out.form}
        return TrainingData((), held_out.arrays, data, False, name, None, **forms)
    raise DataError(
        "data must be a dataset from ppl_models.datasets.load, a numpy array, a tuple of arrays, "
        f"or an iterable of batches; got {type(data).__name__}."
    )


def _is_one_call(pair: Any, data: Any) -> bool:
    """Whether data are the arguments of one call, and not a sequence of batches.

    A tuple is, unless all that it holds are tuples and lists, which are batches.
    """
    if is_array(data):
        return True
    if is_of_the_zoo(pair):
        return isinstance(data, tuple) and any(map(is_array, data))
    if isinstance(data, dict):
        return any(map(is_array, leaves_of(data)))
    if not isinstance(data, tuple) or not data:
        return False
    return not all(isinstance(part, (tuple, list)) for part in data)


def leaves_of(value: Any) -> Iterator[Any]:
    """All that is in a value and its containers."""
    if not is_container(value):
        yield value
        return
    for part in value.values() if isinstance(value, dict) else value:
        yield from leaves_of(part)


def is_of_the_zoo(pair: Any) -> bool:
    """Whether a pair says itself what its data look like: arrays, with a row for each datum."""
    return hasattr(pair, "data_shape")


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
    batch = batch_from(pair, data, precision_of(pair, engine))
    lengths = [len(array) for array in batch.arrays if array.ndim]
    alike = len(lengths) == len(batch.arrays) and len(set(lengths)) == 1
    if is_of_the_zoo(pair) or (batch.form.plain and alike):
        check_arrays(pair, batch.arrays, name, engine=engine)
        return batch
    if not lengths:
        raise DataError(
            f"{name} holds no array with rows, so that there is nothing to take minibatches of; "
            "pass a list of batches, each a tuple of arguments: [(...), ...]."
        )
    for place, argument in enumerate(data if isinstance(data, tuple) else ()):
        size = argument.shape[0] if is_array(argument) and np.ndim(argument) else batch.rows
        listed = isinstance(argument, list) and len(argument) == batch.rows > 1
        if size != batch.rows or listed:
            what = "a list" if listed else f"an array of {size}"
            raise DataError(
                f"{name} must have equally many rows, got {sorted(set(lengths))}: most have "
                f"{batch.rows}, and argument {place} is {what}, which cannot be cut with them. "
                "Pass arrays of the same length; to hand all of them on whole in every step, pass "
                "a list with one batch, [(...)]."
            )
    cut = batch.cut()
    for array in cut.arrays:
        if array.size == 0:
            raise DataError(f"{name} is empty: an array has shape {array.shape}; pass some rows.")
    check_finite_at_once(pair, batch, name, engine)
    return cut


def _check_alike(arrays: Arrays, held_out: Arrays) -> None:
    """Check that validation rows look like training rows, before any step is taken.

    Raises:
        DataError: naming the shapes.
    """
    for position, (array, other) in enumerate(zip(arrays, held_out, strict=False)):
        if array.shape[1:] != other.shape[1:]:
            raise DataError(
                f"array {position} of the validation data has shape {other.shape}, but that of the "
                f"training data {array.shape}; beyond the first dimension they must agree."
            )


def as_arrays(data: Any, real: Any = np.float32) -> Arrays:
    """One array or a tuple or list of arrays as a tuple of numpy arrays; real numbers as `real`.

    So are truth values in the first, which are pixels; elsewhere they are a mask and stay. See
    `inference.data.arrays.as_array` for what an array may be.

    Raises:
        DataError: if an array does not hold numbers.
    """
    if isinstance(data, dict):
        raise DataError(
            f"data is a dictionary of {', '.join(map(repr, data)) or 'nothing'}; pass a tuple of "
            "arrays in the order of the model's arguments, such as (batch['x'], batch['y'])."
        )
    several = isinstance(data, (tuple, list)) and any(map(is_array, data))
    parts = data if several else (data,)
    return tuple(as_array(part, real, first=not place) for place, part in enumerate(parts))


def batch_from(pair: Any, item: Any, real: Any) -> Batch:
    """What model and guide are called with, from what a data loader yields.

    A tuple holds arguments by position, and so does a list, as loaders make it of a tuple; a
    dictionary holds arguments by name; anything else is the only argument.

    Args:
        pair: the pair that is to score it.
        item: the batch.
        real: the type of real numbers.

    Raises:
        DataError: if an array does not hold numbers, or, of a pair of the zoo, if it is no array.
    """
    if is_of_the_zoo(pair):
        arrays = as_scored(pair, _batch(item, real))
        return Batch(arrays, plain_form(len(arrays)))
    if isinstance(item, list):
        item = (item,) if _is_numbers(item) else tuple(item)
    if isinstance(item, dict):
        return arguments_from((), item, real)
    return arguments_from(item if isinstance(item, tuple) else (item,), {}, real)


def arguments_from(args: tuple[Any, ...], kwargs: dict[str, Any], real: Any) -> Batch:
    """The arrays in the arguments of a call, in the type of real numbers, and their form.

    A list of numbers with a number, or equally many, for each row is an array too.

    Raises:
        DataError: if an array does not hold numbers.
    """
    rows = next((len(arg) for arg in (*args, *kwargs.values()) if is_array(arg) and _dims(arg)), 0)
    first = args[0] if args else None

    def take(value: Any) -> NDArray[Any] | None:
        if not is_array(value):
            return None
        if value is not first and getattr(value.dtype, "kind", "") in ("O", "U", "S"):
            return None  # names, objects: only the program knows what they mean
        return as_array(value, real, first=value is first)

    def whole(value: Any) -> Any:
        alone = len(args) == 1 and not kwargs
        listed = type(value) is list and _is_numbers(value) and (alone or len(value) == rows)
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


def _dims(array: Any) -> int:
    return len(array.shape)


def _is_numbers(value: Any) -> bool:
    """Whether a list holds nothing but numbers, in lists of any depth."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(map(_is_numbers, value))
    return isinstance(value, (int, float, np.generic))


def scored_arrays(pair: Any, x: Any, engine: str | None = None) -> Arrays:
    """The argument of an evaluation, an array or a tuple of them, in the pair's own precision.

    Raises:
        DataError: if an array does not hold numbers.
    """
    real = precision_of(pair, engine)
    parts = enumerate(x if isinstance(x, tuple) else (x,))
    return as_scored(pair, tuple(as_array(part, real, first=not place) for place, part in parts))


def precision_of(pair: Any, engine: str | None = None) -> Any:
    """The type of real numbers that the pair computes in: numpy's float32 or float64."""
    try:
        return load_engine(engine or engine_name(pair)).precision(pair)
    except ArgumentError:  # of a pair whose engine cannot be told; that is refused elsewhere
        return np.float32


def check_arrays(pair: Any, arrays: Arrays, name: str, *, engine: str | None = None) -> None:
    """Check shape, emptiness and finiteness of a batch or a whole data set.

    NaN is let through where a program of one's own masks it: where every site still has a density.

    Args:
        pair: the pair.
        arrays: the batch or data set.
        name: what to call it in a message.
        engine: whose the pair is, where it cannot be told from it.

    Raises:
        DataError: naming the array, what was expected and what came.
    """
    for array in arrays:
        if array.ndim == 0:
            raise DataError(f"{name} must have rows, got the single number {array}; pass an array.")
    rows = {len(array) for array in arrays}
    if len(rows) != 1:
        raise DataError(
            f"the arrays of {name} must have equally many rows, got {sorted(rows)}; pass arrays of "
            "the same length."
        )
    for array in arrays:
        if array.size == 0:
            raise DataError(
                f"{name} is empty: it has shape {array.shape}; pass at least one row and column."
            )
    shape = getattr(pair, "data_shape", None)
    if shape is not None and arrays[0].shape[1:] != shape:
        hint = "build the pair with data_dim= of the data"
        if int(np.prod(arrays[0].shape[1:])) == int(np.prod(shape)):
            columns = ", ".join(map(str, shape)) if len(shape) > 1 else "-1"
            hint = f"flatten each row with x.reshape(len(x), {columns})"
        raise DataError(
            f"{name} must have shape (N, {', '.join(map(str, shape))}) for this pair, got "
            f"{arrays[0].shape}; {hint}."
        )
    check_finite(pair, arrays, name, engine)
    if hasattr(pair, "check_batch"):
        try:
            pair.check_batch(*arrays)
        except (TypeError, ValueError) as error:
            raise DataError(f"{name} cannot be scored by this pair: {error}") from error


def as_scored(pair: Any, arrays: Arrays) -> Arrays:
    """Whole numbers as real ones for pairs of the zoo, whose networks take real numbers."""
    if not hasattr(pair, "data_shape"):
        return arrays
    real = precision_of(pair)
    given = (a.astype(real) if a.dtype.kind == "b" else a for a in arrays[1:])
    return (arrays[0].astype(real, copy=False), *given)


def array_id(arrays: Arrays) -> str:
    """A name for arrays that came without one: the start of their SHA-256."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return f"array/{digest.hexdigest()[:12]}"


def batches_of(iterable: Iterable[Any], pair: Any, engine: str | None = None) -> Iterator[Batch]:
    """One pass over an iterable of batches, each checked.

    Raises:
        DataError: if a batch holds arrays that the pair cannot score.
    """
    real = precision_of(pair, engine)
    for item in iterable:
        batch = batch_from(pair, item, real)
        lengths = {len(array) if array.ndim else None for array in batch.arrays}
        if is_of_the_zoo(pair) or (batch.form.plain and len(lengths) == 1 and None not in lengths):
            check_arrays(pair, batch.arrays, "a batch", engine=engine)
        else:
            check_finite_at_once(pair, batch, "a batch", engine)
        yield batch


def _batch(item: Any, real: Any) -> Arrays:
    return as_arrays(tuple(item) if isinstance(item, list) else item, real)
