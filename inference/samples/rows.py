"""Samples as rows of numbers, and the distances between them, a block at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.data.arrays import as_array
from inference.data.rows import slices
from inference.errors import DataError

BLOCK = 1024  # rows of one block of distances, so that 10,000 columns are 80 MB
_LARGEST = 1e100  # whose squares and products are numbers
ROUNDING = 1e-12  # what a squared distance may be off by, relative to squares of what it is of

Rows = NDArray[np.float64]


def as_rows(name: str, values: ArrayLike, *, least: int = 1) -> Rows:
    """Samples as float64 of shape (N, D); sequences and images are laid out flat.

    Args:
        name: what to call them in a message.
        values: one sample a row.
        least: how many there must be.

    Raises:
        DataError: if they are no such rows of finite numbers.
    """
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise DataError(f"{name} is a masked array; leave the rows with masked values out.")
    try:
        array = as_array(values, np.float64)
    except DataError as error:
        raise DataError(f"{name}{str(error).removeprefix('data')}") from error
    if array.ndim < 2 or array[:1].size == 0 or len(array) < least:
        raise DataError(
            f"{name} must have shape (N, D) with N at least {least}, got {array.shape}; pass one "
            "sample a row."
        )
    rows = array.reshape(len(array), -1).astype(np.float64)
    finite = np.isfinite(rows).all(1)
    if not finite.all():
        raise DataError(
            f"{name} has {np.count_nonzero(~finite)} rows with NaN or infinite values, the first "
            f"is row {int(np.argmin(finite))}; a generator that draws such rows has diverged."
        )
    if abs(rows).max() > _LARGEST:
        raise DataError(
            f"{name} has values up to {abs(rows).max():.3g}, whose squares and their sums no "
            "number holds; scale all sets down alike."
        )
    return rows


def as_row_sets(*, least: int = 1, **values: ArrayLike) -> tuple[Rows, ...]:
    """Several sets of samples, by name, all of one width.

    Raises:
        DataError: if one is not rows of finite numbers, or their widths differ.
    """
    sets = {name: as_rows(name, each, least=least) for name, each in values.items()}
    if len({rows.shape[1] for rows in sets.values()}) > 1:
        widths = " and ".join(f"{name} {rows.shape[1]}" for name, rows in sets.items())
        raise DataError(f"samples to be compared must have equally many columns, got {widths}.")
    return tuple(sets.values())


def centred(*sets: Rows) -> tuple[Rows, ...]:
    """All sets moved by the median of the first: distances of rows near zero lose fewer digits.

    Not by the mean, which a few rows far away, as a diverging generator draws them, would move off.
    """
    middle = np.median(sets[0], axis=0)
    return tuple(rows - middle for rows in sets)


def blocks(count: int) -> Iterator[slice]:
    """So many rows in turn, as many at once as distances between them are held in memory."""
    return slices(count, BLOCK)


def squared_distances(a: Rows, b: Rows) -> Rows:
    """||a_i - b_j||^2, shape (N, M), by one matrix product."""
    found = a @ b.T
    found *= -2
    found += np.einsum("nd,nd->n", a, a)[:, None]
    found += np.einsum("nd,nd->n", b, b)
    return np.maximum(found, 0, out=found)
