"""Whether the values of the data are such as the pair's sites can score."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.data.rows import Arrays, cut, first_rows, slices
from inference.engines import engine_name, load_engine
from inference.errors import ArgumentError, DataError, ObjectiveError, PairError, warn_user
from inference.program.batches import Batch
from inference.program.engine import Engine
from inference.program.sites import Site
from inference.program.structure import Structure

_ENTRIES = 10_000_000  # of an array to compare at a time
_ROWS = 1000  # to run a pair on at a time, where it has to tell about each row


def check_support(
    structure: Structure,
    arrays: Arrays,
    name: str,
    *,
    binarise: bool = False,
    strict: bool | None = True,
) -> None:
    """Check that the data lie in the support of the sites that observe them.

    Where a support comes with the rows, such as the totals of a Binomial, each row is checked
    against its own.

    Args:
        structure: the pair's sites.
        arrays: the batch or data set.
        name: what to call it in a message.
        binarise: whether the first array is drawn from before it is scored.
        strict: whether values strictly between 0 and 1 under a Bernoulli likelihood are refused
            (a score of them is no log-likelihood) or only warned about; None lets them pass, where
            nothing is scored.

    Raises:
        DataError: naming the site, its support, and the range that came.
    """
    for site in structure.observed:
        if site.argument is None or site.inside is None or site.argument >= len(arrays):
            continue
        array = arrays[site.argument]
        known = array[~np.isnan(array)] if array.dtype.kind == "f" else array
        if not known.size:
            continue
        low, high = known.min(), known.max()
        if site.support == "boolean":
            if low < 0 or high > 1:
                raise DataError(
                    f"{name} has values from {low:.4g} to {high:.4g}, but site {site.name!r} is "
                    "Bernoulli and needs values in [0, 1]; scale it (for bytes: divide by 255) and "
                    "binarise it, or use likelihood='gaussian'."
                )
            if strict is not None and not binarise and not _is_binary(known):
                _grey(name, site.name, strict=strict)
            continue
        row = _first_outside(structure, site, arrays)
        if row is not None:
            raise DataError(
                f"{name} has values from {low:.4g} to {high:.4g}, some outside the support "
                f"({site.support}) of site {site.name!r}, the first in row {row}; transform the "
                "data or choose another likelihood."
            )


def check_askable(backend: Engine, pair: Any, arrays: Arrays, name: str) -> None:
    """Check that a guide is asked about what the model could have drawn, such as no bytes for bits.

    Args:
        backend: the pair's engine.
        pair: of the zoo, or a program; one that fails on a few rows is not looked at.
        arrays: what is asked about.
        name: what to call it in a message.

    Raises:
        DataError: naming the site, its support, and the range that came.
    """
    try:
        structure = backend.structure(pair, first_rows(arrays))
    except Exception:  # a program that is made for all rows, or whose guide alone takes these
        return
    check_support(structure, arrays, name, strict=None)


def check_finite(pair: Any, arrays: Arrays, name: str, engine: str | None = None) -> None:
    """Check that no value is infinite, and none NaN that reaches a density.

    Raises:
        DataError: naming the first row with such a value.
    """
    real = [array for array in arrays if array.dtype.kind == "f"]
    bad = [np.argwhere(~np.isfinite(array)) for array in real]
    count = sum(map(len, bad))
    if not count:
        return
    row: int | None = min(int(places[0][0]) for places in bad if len(places))
    masked = ""
    # A pair of the zoo has no mask of its own.
    if not hasattr(pair, "data_shape") and not any(np.isinf(array).any() for array in real):
        row = _first_unscored(pair, arrays, engine, row)
        masked = (
            ", or mask them in the program, whose sites must all have a density: "
            ".mask(~isnan(x)) where x is observed, and a guide that does not look at them"
        )
    if row is not None:
        raise DataError(
            f"{name} has {nan_values(count)}, {'the first ' if count > 1 else ''}in row {row}; "
            f"remove or impute {'those rows' if count > 1 else 'that row'}{masked}."
        )


def nan_values(count: int) -> str:
    """How many values are no finite numbers, in words."""
    return f"{count} value{'s that are' if count > 1 else ' that is'} NaN or infinite"


def check_finite_at_once(pair: Any, batch: Batch, name: str, engine: str | None = None) -> None:
    """The same for a batch that is looked at as a whole, since not all in it has rows.

    Raises:
        DataError: naming the shape of the array.
    """
    for array in batch.arrays:
        if array.dtype.kind != "f" or np.isfinite(array).all():
            continue
        if not np.isinf(array).any() and not _unscored_at_once(pair, batch, engine):
            continue
        raise DataError(
            f"{name} has {nan_values(int((~np.isfinite(array)).sum()))}, in an array of shape "
            f"{array.shape}; remove or impute them, or mask them in the program, whose sites must "
            "all have a density."
        )


def _unscored_at_once(pair: Any, batch: Batch, engine: str | None) -> bool:
    try:
        backend = load_engine(engine or engine_name(pair))
        looked = backend.structure(backend.on_arrays(pair, batch.form), batch.arrays)
    except Exception:  # whatever a program raises; training says so in better words
        return True
    return bool(looked.unscored)


def _first_unscored(pair: Any, arrays: Arrays, engine: str | None, first: int) -> int | None:
    """The first row whose NaN makes a density NaN; None if there is none."""
    missing = (a.reshape(len(a), -1) for a in arrays if a.dtype.kind == "f")
    rows = np.flatnonzero(np.any([np.isnan(array).any(1) for array in missing], axis=0))
    try:
        look = partial(load_engine(engine or engine_name(pair)).structure, pair)
    except ArgumentError:
        return first

    def unscored(some: Any) -> bool:
        return bool(look(tuple(array[some] for array in arrays)).unscored)

    try:
        parts = (rows[part] for part in slices(len(rows), _ROWS))
        wrong = [part for part in parts if unscored(part)]
        if not wrong or not unscored(slice(None)):  # it may fill in entries by their place
            return None
        low, high = 0, len(wrong[0])  # the first `low` are right, the first `high` are not
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if unscored(wrong[0][:middle]) else (middle, high)
        return int(wrong[0][high - 1])
    except Exception:  # a program that is made for all rows
        try:
            return first if unscored(slice(None)) else None
        except Exception:
            return first


def _first_outside(structure: Structure, site: Site, arrays: Arrays) -> int | None:
    """The first row with a value outside of a site's support."""
    assert site.argument is not None
    if not site.by_row:
        array = arrays[site.argument]
        parts = ((site, part) for part in _parts(array))
    elif structure.on is None:  # being compiled for rows that were checked before
        return None
    else:
        looked = _looked_at(structure, arrays)
        parts = ((own.model[site.name], rows[site.argument]) for own, rows in looked)
    done = 0
    for own, array in parts:
        assert own.inside is not None
        if site.by_row and any(p.size not in (p.full_size, len(array)) for p in own.plates):
            return None  # the program itself takes a part of the rows, others in each run
        right = own.inside(array)
        missing = np.isnan(array) if array.dtype.kind == "f" else np.zeros_like(array, dtype=bool)
        missing = missing.any(tuple(range(right.ndim, array.ndim)))  # of a vector, any entry
        right = right | missing
        if not right.all():
            return done + int(np.argwhere(~right)[0][0])
        done += len(array)
    return None


def _looked_at(structure: Structure, arrays: Arrays) -> Iterator[tuple[Structure, Arrays]]:
    """The structure on some rows at a time, or on all where the program is made for them."""
    assert structure.on is not None
    head = tuple(array[:_ROWS] for array in arrays)
    try:
        first = structure.on(head)
    except (PairError, ObjectiveError, RuntimeError, ValueError, TypeError, IndexError):
        yield structure.on(arrays), arrays
        return
    yield first, head
    for rows in cut(tuple(array[_ROWS:] for array in arrays), _ROWS):
        yield structure.on(rows), rows


def _grey(name: str, site: str, *, strict: bool) -> None:
    message = (
        f"{name} has values strictly between 0 and 1, but site {site!r} is Bernoulli: its score of "
        "them is a cross-entropy, not a log-likelihood. Binarise the data, for example with "
        "load(..., binarisation='dynamic')"
    )
    if strict:
        raise DataError(message + ", or use likelihood='gaussian'.")
    warn_user(message + ".")


def _is_binary(array: NDArray[Any]) -> bool:
    return all(((part == 0) | (part == 1)).all() for part in _parts(array))


def _parts(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Rows of an array in turn, so few that a comparison of them takes little memory.

    A single number is a row.
    """
    array = np.atleast_1d(array)
    rows = max(1, _ENTRIES * len(array) // max(1, array.size))
    return (part for (part,) in cut((array,), rows))
