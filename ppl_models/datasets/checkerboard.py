"""The dark squares of a checkerboard, a density of the plane that is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ppl_models.datasets._dataset import Dataset
from ppl_models.datasets._mixture import as_points, drawn

SIDE, WIDTH = 4, 2.0  # squares along an edge, and how wide they are
_DARK = np.array([(i, j) for i in range(SIDE) for j in range(SIDE) if (i + j) % 2 == 0])
_EDGE = SIDE * WIDTH / 2


def log_p(x: ArrayLike) -> NDArray[np.float64]:
    """log p(x) of points of the plane, shape (N, 2), in nats, shape (N,): -log 32, or -inf."""
    points = as_points(x)
    square = np.floor((points + _EDGE) / WIDTH)
    dark = ((square >= 0) & (square < SIDE)).all(axis=1) & (square.sum(axis=1) % 2 == 0)
    return np.where(dark, -np.log(len(_DARK) * WIDTH**2), -np.inf)


def load(*, seed: int = 0) -> Dataset:
    """Load the board: 50,000 train, 10,000 valid and 10,000 test points of the plane.

    A board of four by four squares from -4 to 4 along each axis, half of them dark (the
    checkerboard of Grathwohl et al. 2019, arXiv:1810.01367):

        c ~ uniform on the 8 dark squares,    x ~ uniform on square c,    p(x) = 1 / 32

    The labels are c; `log_p(x)` is also `log_p` of what is returned. The entropy is log 32 = 3.466
    nats.

    Args:
        seed: seed of the draws.

    Raises:
        ValueError: if the seed is no whole number from 0.
    """
    return drawn("checkerboard", _draw, log_p, seed)


def _draw(random: np.random.Generator, size: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    labels = random.integers(len(_DARK), size=size)
    # Kept off the edges, which single precision would round to the next square.
    inside = random.uniform(1e-6, 1 - 1e-6, size=(size, 2))
    return (_DARK[labels] + inside) * WIDTH - _EDGE, labels
