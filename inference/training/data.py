"""What `fit` and the evaluations accept as data, checked before it reaches a framework."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.engines import engine_name, load_engine
from inference.errors import ArgumentError, DataError
from inference.training.arrays import as_array, is_array
from inference.training.support import check_finite

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
    """

    arrays: Arrays
    valid: Arrays
    batches: Iterable[Any] | None
    binarise: bool
    identity: str
    image_shape: tuple[int, int] | None


def prepare(pair: Any, data: Any, valid: Any = None, *, engine: str | None = None) -> TrainingData:
    """Understand data and validation data, and check them against the pair.

    Args:
        pair: the pair that is to score them.
        data: a dataset, an array, a tuple of arrays, or an iterable of batches. A dataset is
            anything with `train` and `valid` arrays; `y`, by split, is the second argument of
            pairs that take one, `dynamic` tells whether it is binarised afresh in each step, and
            `data_id(split)` what it is.
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
        )
    held_out = () if valid is None else read(valid)
    if held_out:
        check(pair, held_out, "valid")
    if is_array(data) or (isinstance(data, tuple) and any(map(is_array, data))):
        arrays = read(data)
        check(pair, arrays, "data")
        return TrainingData(arrays, held_out, None, False, array_id(arrays), None)
    if isinstance(data, Iterable) and not isinstance(data, (str, bytes, dict)):
        name = f"iterable/{type(data).__name__}"
        if isinstance(data, list):  # all of it is here, so that a resumed run can tell it
            name = f"list/{array_id(tuple(part for item in data for part in _batch(item, real)))}"
        return TrainingData((), held_out, data, False, name, None)
    raise DataError(
        "data must be a dataset from ppl_models.datasets.load, a numpy array, a tuple of arrays, "
        f"or an iterable of batches; got {type(data).__name__}."
    )


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
    `inference.training.arrays.as_array` for what an array may be.

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


def batches_of(iterable: Iterable[Any], pair: Any, engine: str | None = None) -> Iterator[Arrays]:
    """One pass over an iterable of batches, each checked.

    Raises:
        DataError: if a batch is not an array or a tuple of arrays that the pair can score.
    """
    real = precision_of(pair, engine)
    for item in iterable:
        batch = as_scored(pair, _batch(item, real))
        check_arrays(pair, batch, "a batch", engine=engine)
        yield batch


def _batch(item: Any, real: Any) -> Arrays:
    return as_arrays(tuple(item) if isinstance(item, list) else item, real)
