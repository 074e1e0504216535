"""What `fit` and the evaluations accept as data, checked before it reaches a framework."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.engines.structure import Structure
from inference.errors import DataError

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


def prepare(pair: Any, data: Any, valid: Any = None) -> TrainingData:
    """Understand data and validation data, and check them against the pair.

    Args:
        pair: the pair that is to score them.
        data: a dataset, an array, a tuple of arrays, or an iterable of batches. A dataset is
            anything with `train` and `valid` arrays; `y`, by split, is the second argument of
            pairs that take one, `dynamic` tells whether it is binarised afresh in each step, and
            `data_id(split)` what it is.
        valid: validation data in place of the dataset's own.

    Raises:
        DataError: if it is none of these, or an array cannot be scored by the pair.
    """
    found = _understood(pair, data, valid)
    _check_alike(found.arrays, found.valid)
    return replace(
        found,
        arrays=as_scored(pair, found.arrays) if found.arrays else (),
        valid=as_scored(pair, found.valid) if found.valid else (),
    )


def _understood(pair: Any, data: Any, valid: Any) -> TrainingData:
    if hasattr(data, "train") and hasattr(data, "valid"):
        given = getattr(data, "y", None) or {}
        train = as_arrays(data.train) + (as_arrays(given["train"]) if given else ())
        held_out = as_arrays(data.valid if valid is None else valid)
        if valid is None and given:
            held_out += as_arrays(given["valid"])
        shape = getattr(data, "image_shape", None)
        check_arrays(pair, train, "train")
        if len(held_out[0]):
            check_arrays(pair, held_out, "valid")
        return TrainingData(
            arrays=train,
            valid=held_out if len(held_out[0]) else (),
            batches=None,
            binarise=bool(getattr(data, "dynamic", False)),
            identity=str(data.data_id("train")) if hasattr(data, "data_id") else array_id(train),
            image_shape=shape if shape is not None and len(shape) == 2 else None,
        )
    held_out = () if valid is None else as_arrays(valid)
    if held_out:
        check_arrays(pair, held_out, "valid")
    if _is_array(data) or (isinstance(data, tuple) and all(_is_array(part) for part in data)):
        arrays = as_arrays(data)
        check_arrays(pair, arrays, "data")
        return TrainingData(arrays, held_out, None, False, array_id(arrays), None)
    if isinstance(data, Iterable) and not isinstance(data, (str, bytes, dict)):
        name = f"iterable/{type(data).__name__}"
        if isinstance(data, list):  # all of it is here, so that a resumed run can tell it
            name = f"list/{array_id(tuple(part for item in data for part in _batch(item)))}"
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


def as_arrays(data: Any) -> Arrays:
    """One array or a tuple or list of arrays as a tuple of numpy arrays; real numbers as float32.

    So are truth values in the first, which are pixels; elsewhere they are a mask and stay.

    Raises:
        DataError: if an array does not hold numbers.
    """
    parts = data if isinstance(data, (tuple, list)) and any(map(_is_array, data)) else (data,)
    arrays = []
    for position, part in enumerate(parts):
        tensor: Any = part
        try:
            array = (
                tensor.detach().cpu().numpy() if hasattr(tensor, "detach") else np.asarray(tensor)
            )
        except ValueError as error:
            raise DataError(f"data cannot be made an array ({error}); pass equal rows.") from error
        if array.dtype.kind not in "biuf":
            raise DataError(
                f"data must hold real numbers, got dtype {array.dtype}; convert it, for example "
                "with .astype('float32')."
            )
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
            kinds = "f" if position else "bf"
            arrays.append(array.astype(np.float32) if array.dtype.kind in kinds else array)
    return tuple(arrays)


def check_arrays(pair: Any, arrays: Arrays, name: str) -> None:
    """Check shape, emptiness and finiteness of a batch or a whole data set.

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
    for array in arrays:
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            bad = np.argwhere(~np.isfinite(array))
            raise DataError(
                f"{name} has {len(bad)} values that are NaN or infinite, the first in row "
                f"{int(bad[0][0])}; remove or impute those rows."
            )
    if hasattr(pair, "check_batch"):
        try:
            pair.check_batch(*arrays)
        except (TypeError, ValueError) as error:
            raise DataError(f"{name} cannot be scored by this pair: {error}") from error


def as_scored(pair: Any, arrays: Arrays) -> Arrays:
    """Whole numbers as float32 for pairs of the zoo, whose networks take real numbers."""
    if not hasattr(pair, "data_shape"):
        return arrays
    given = (a.astype(np.float32) if a.dtype.kind == "b" else a for a in arrays[1:])
    return (arrays[0].astype(np.float32, copy=False), *given)


def check_support(
    structure: Structure, arrays: Arrays, name: str, *, binarise: bool = False, strict: bool = True
) -> None:
    """Check that the data lie in the support of the sites that observe them.

    Args:
        structure: the pair's sites.
        arrays: the batch or data set.
        name: what to call it in a message.
        binarise: whether the first array is drawn from before it is scored.
        strict: whether values strictly between 0 and 1 under a Bernoulli likelihood are refused
            (a score of them is no log-likelihood) or only warned about.

    Raises:
        DataError: naming the site, its support, and the range that came.
    """
    for site in structure.observed:
        if site.argument is None or site.inside is None or site.argument >= len(arrays):
            continue
        array = arrays[site.argument]
        low, high = array.min(), array.max()
        if site.support == "boolean":
            if low < 0 or high > 1:
                raise DataError(
                    f"{name} has values from {low:.4g} to {high:.4g}, but site {site.name!r} is "
                    "Bernoulli and needs values in [0, 1]; scale it (for bytes: divide by 255) and "
                    "binarise it, or use likelihood='gaussian'."
                )
            if not binarise and not _is_binary(array):
                _grey(name, site.name, strict=strict)
            continue
        if not all(site.inside(chunk).all() for chunk in np.array_split(array, _chunks(array))):
            raise DataError(
                f"{name} has values from {low:.4g} to {high:.4g}, some outside the support "
                f"({site.support}) of site {site.name!r}; transform the data or choose another "
                "likelihood."
            )


def array_id(arrays: Arrays) -> str:
    """A name for arrays that came without one: the start of their SHA-256."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return f"array/{digest.hexdigest()[:12]}"


def batches_of(iterable: Iterable[Any], pair: Any) -> Iterator[Arrays]:
    """One pass over an iterable of batches, each checked.

    Raises:
        DataError: if a batch is not an array or a tuple of arrays that the pair can score.
    """
    for item in iterable:
        batch = as_scored(pair, _batch(item))
        check_arrays(pair, batch, "a batch")
        yield batch


def _grey(name: str, site: str, *, strict: bool) -> None:
    message = (
        f"{name} has values strictly between 0 and 1, but site {site!r} is Bernoulli: its score of "
        "them is a cross-entropy, not a log-likelihood. Binarise the data, for example with "
        "load(..., binarisation='dynamic')"
    )
    if strict:
        raise DataError(message + ", or use likelihood='gaussian'.")
    warnings.warn(message + ".", UserWarning, stacklevel=4)


def _batch(item: Any) -> Arrays:
    return as_arrays(tuple(item) if isinstance(item, list) else item)


def _is_binary(array: NDArray[Any]) -> bool:
    return all(((c == 0) | (c == 1)).all() for c in np.array_split(array, _chunks(array)))


def _chunks(array: NDArray[Any]) -> int:
    return max(1, array.size // 10_000_000)


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")
