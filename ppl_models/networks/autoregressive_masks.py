"""Which connections an autoregressive network of one hidden layer has; no framework."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def order(dim: int, *, reverse: bool) -> list[int]:
    """The entries in the order in which each may see those before it."""
    return list(range(dim))[:: -1 if reverse else 1]


def masks(order: list[int], width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Input to hidden, (width, dim), and hidden to output, (dim, width), as 0 and 1.

    A hidden unit of degree d sees the d first entries of the order, and an output those units that
    see none but entries before it (Germain et al. 2015, arXiv:1502.03509). Degree 0 is among them,
    for what else goes into the hidden layer.
    """
    dim = len(order)
    rank = np.argsort(order)  # position of each entry in the order
    degree = np.arange(width) % dim  # 0 to dim - 1
    first = rank[None, :] < degree[:, None]
    last = degree[None, :] <= rank[:, None]
    return first.astype(np.float32), last.astype(np.float32)
