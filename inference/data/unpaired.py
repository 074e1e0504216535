"""Two sets of rows that do not belong together."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Unpaired:
    """Rows x of one domain and rows y of another, of which no row belongs to any of the other.

    `fit` shuffles them apart, each in an order of its own that is a function of the seed and the
    epoch. An epoch goes through x once; y is begun again where it is shorter, and cut where it is
    longer.

    Attributes:
        x: shape (N, ...).
        y: shape (M, ...).
    """

    x: ArrayLike
    y: ArrayLike
