"""Arrays for a pair: of the type that it computes in, of the shape that it scores, and finite."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.data.arrays import as_array
from inference.data.in_batches import in_batches, is_numbers, together
from inference.data.rows import Arrays
from inference.data.support import check_finite
from inference.engines import engine_name, load_engine
from inference.errors import ArgumentError, DataError
from inference.program.batches import Batch, plain_form


def is_of_the_zoo(pair: Any) -> bool:
    """Whether a pair says itself what its data look like: arrays, with a row for each datum."""
    return hasattr(pair, "data_shape")


def is_empty(array: NDArray[Any], *, first: bool) -> bool:
    """Whether an array has nothing to score or to go by.

    What a program of one's own takes beside its data may have no columns: a forecast without
    covariates is given `zeros((T, 0))`.
    """
    return array.size == 0 and (first or array.shape[:1] == (0,))


def precision_of(pair: Any, engine: str | None = None) -> Any:
    """The type of real numbers that the pair computes in: numpy's float32 or float64."""
    try:
        return load_engine(engine or engine_name(pair)).precision(pair)
    except (ArgumentError, AttributeError):  # no pair, or of no known engine: refused elsewhere
        return np.float32


def scored_arrays(pair: Any, x: Any, engine: str | None = None) -> Arrays:
    """The argument of an evaluation, an array or a tuple of them, in the pair's own precision.

    Raises:
        DataError: if an array does not hold numbers.
    """
    real = precision_of(pair, engine)
    parts = x if isinstance(x, tuple) else (x,)

    def read(item: Any) -> Batch:
        row = tuple(item) if isinstance(item, list) and not is_numbers(item) else item
        given = enumerate(row if isinstance(row, tuple) else (row,))
        found = tuple(as_array(part, real, first=not place) for place, part in given)
        return Batch(found, plain_form(len(found)))

    if len(parts) == 1 and in_batches(pair, parts[0]):
        return as_scored(pair, together(parts[0], "x", read).arrays)
    return as_scored(pair, read(parts).arrays)


def as_scored(pair: Any, arrays: Arrays) -> Arrays:
    """Whole numbers as real ones for pairs of the zoo, whose networks take real numbers."""
    if not hasattr(pair, "data_shape"):
        return arrays
    real = precision_of(pair)
    given = (a.astype(real) if a.dtype.kind == "b" else a for a in arrays[1:])
    return (arrays[0].astype(real, copy=False), *given)


def _check_number(pair: Any, arrays: Arrays, name: str) -> None:
    """Check that the model takes as many arrays as there are.

    Raises:
        DataError: if it does not, saying what it takes.
    """
    try:
        takes = inspect.signature(pair.model)
    except (AttributeError, TypeError, ValueError):  # of a callable that hides its arguments
        return
    try:
        takes.bind(*arrays)
    except TypeError as error:
        held = "one array" if len(arrays) == 1 else f"{len(arrays)} arrays"
        bare = [each.replace(annotation=each.empty) for each in takes.parameters.values()]
        words = str(inspect.Signature(bare))
        raise DataError(
            f"{name} holds {held}, and the pair's model takes {words}: {error}. Pass a tuple where "
            "it takes several arrays, and an array where it takes one."
        ) from None


def _other_size(pair: Any, shape: tuple[int, ...], came: tuple[int, ...]) -> str:
    """Which hyperparameters to build the pair with: those that have the value of a wrong size."""
    if len(shape) != len(came):
        number = f"{len(shape)} dimension{'s' if len(shape) > 1 else ''}"
        one = "; pass a single row as x[None]" if came == shape[1:] else ""
        if one and len(shape) == 2:
            one += (
                ", and a list of sequences, of which each would be a batch, as one array padded "
                "with zeros, beside their lengths: (x, lengths)"
            )
        return f"a row has {number}, not {len(came)}{one}"
    made = getattr(pair, "hyperparameters", {})
    if "image_shape" in made and "data_dim" not in made:
        return f"build the pair with an image_shape=(height, width) of {came[-1]} pixels"
    sizes = []
    for own, other in zip(shape, came, strict=True):
        named = [name for name in ("data_dim", "length") if made.get(name) == own]
        if own != other and len(named) == 1:
            sizes.append(f"{named[0]}={other}")
    return f"build the pair with {', '.join(sizes) or 'data_dim= of the data'}"


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
    for place, array in enumerate(arrays):
        if is_empty(array, first=not place or is_of_the_zoo(pair)):
            raise DataError(
                f"{name} is empty: it has shape {array.shape}; pass at least one row and column."
            )
    _check_number(pair, arrays, name)
    shape = getattr(pair, "data_shape", None)
    if shape is not None and arrays[0].shape[1:] != shape:
        hint = _other_size(pair, shape, arrays[0].shape[1:])
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
