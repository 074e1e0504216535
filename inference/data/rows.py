"""Rows of data at a time: arrays cut into parts, of which the memory takes one after the other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = tuple[NDArray[Any], ...]
"""Arrays with a row for each datum, N rows each."""
FEW = 2  # rows on which a pair is looked at


def slices(count: int, most: int) -> Iterator[slice]:
    """What counts from 0 to `count` in turn, at most `most` at once; the last may be fewer."""
    for start in range(0, count, most):
        yield slice(start, min(start + most, count))


def cut(arrays: Arrays, most: int) -> Iterator[Arrays]:
    """The rows of the arrays in turn, at most `most` at once; the last may be fewer."""
    for part in slices(len(arrays[0]), most):
        yield tuple(array[part] for array in arrays)


def first_rows(arrays: Arrays) -> Arrays:
    """Two rows, or the only one: enough for a look at the sites and plates of a pair."""
    return tuple(array[:FEW] for array in arrays)


@dataclass(frozen=True)
class Chunk:
    """Some data, repeated as often as there are chains or draws of each.

    Attributes:
        rows: arrays of copies * size rows, the data of the first copy first.
        copies: how often the data are repeated.
        size: number of data, the same for each chunk, so that one compilation serves them all.
        real: how many of them are not there only to fill the last chunk.
    """

    rows: Arrays
    copies: int
    size: int
    real: int


def chunks(arrays: Arrays, most: int, copies: int = 1) -> Iterator[Chunk]:
    """The data in chunks of equal size; the last row fills up the last of them.

    Args:
        arrays: the data.
        most: largest number of copies times data in a chunk.
        copies: how often the data of a chunk are repeated.
    """
    total = len(arrays[0])
    count = math.ceil(total / max(1, most // copies))
    size = math.ceil(total / count)
    for start in range(0, total, size):
        index = np.minimum(np.arange(start, start + size), total - 1)
        rows = tuple(array[np.tile(index, copies)] for array in arrays)
        yield Chunk(rows, copies, size, min(size, total - start))
