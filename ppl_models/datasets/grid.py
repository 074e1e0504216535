"""A grid of 25 Gaussians in the plane, on which collapsing generators lose modes."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ppl_models.datasets._dataset import Dataset
from ppl_models.datasets._mixture import drawn, from_mixture, mixture_log_p

SIDE, SPACING, SCALE = 5, 2.0, 0.05


def centres() -> NDArray[np.float64]:
    """The centres of the 25 Gaussians, shape (25, 2): -4, -2, 0, 2, 4 along each axis."""
    line = SPACING * (np.arange(SIDE) - (SIDE - 1) / 2)
    return np.array(list(itertools.product(line, line)))


def log_p(x: ArrayLike) -> NDArray[np.float64]:
    """log p(x) of points of the plane, shape (N, 2), in nats, shape (N,)."""
    return mixture_log_p(x, centres(), SCALE)


def load(*, seed: int = 0) -> Dataset:
    """Load the grid: 50,000 train, 10,000 valid and 10,000 test points of the plane.

    As in Srivastava et al. (2017, arXiv:1705.07761):

        c, d ~ uniform on 0..4,    x ~ Normal((2 c - 4, 2 d - 4), 0.05^2 I)

    The labels are 5 c + d. `centres()` and `SCALE` are what `inference.mode_coverage` asks for,
    and `log_p(x)` is the density, also as `log_p` of what is returned.

    Args:
        seed: seed of the draws.

    Raises:
        ValueError: if the seed is no whole number from 0.
    """
    return drawn("grid", from_mixture(centres(), SCALE), log_p, seed)
