"""Two spirals wound around each other, a density of the plane that is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ppl_models.datasets._dataset import Dataset
from ppl_models.datasets._mixture import drawn, from_mixture, mixture_log_p

ARMS, POINTS, SCALE = 2, 120, 0.1
_FIRST, _LAST, _GROWTH = 0.5, 3.0, 0.32  # radii at both ends, and radius per radian


def centres() -> NDArray[np.float64]:
    """The centres of the Gaussians, shape (240, 2): 120 along each arm at equal distances."""
    angle = np.linspace(0, (_LAST - _FIRST) / _GROWTH, 10_001)
    radius = _FIRST + _GROWTH * angle
    # Lengths along the arm, by which its points are at equal distances.
    speed = np.hypot(radius, _GROWTH)
    steps = np.diff(angle) * (speed[1:] + speed[:-1]) / 2
    length = np.concatenate([[0.0], np.cumsum(steps)])
    angle = np.interp(np.linspace(0, length[-1], POINTS), length, angle)
    radius = _FIRST + _GROWTH * angle
    arm = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.concatenate([arm, -arm])


def log_p(x: ArrayLike) -> NDArray[np.float64]:
    """log p(x) of points of the plane, shape (N, 2), in nats, shape (N,)."""
    return mixture_log_p(x, centres(), SCALE)


def load(*, seed: int = 0) -> Dataset:
    """Load the spirals: 50,000 train, 10,000 valid and 10,000 test points of the plane.

    After the two spirals of Grathwohl et al. (2019, arXiv:1810.01367), as a sum of Gaussians whose
    density is known; they are as near to each other as 1.3 of their widths, so that it is flat
    along an arm:

        k ~ uniform on 0..239,    x ~ Normal(centres()[k], 0.1^2 I)

    with the centres along r = 0.5 + 0.32 a for angles a from 0 to 7.8, and along the same turned
    by half a turn. The labels are the arms, 0 and 1; `log_p(x)` is also `log_p` of what is
    returned.

    Args:
        seed: seed of the draws.

    Raises:
        ValueError: if the seed is no whole number from 0.
    """
    return drawn("spirals", _draw, log_p, seed)


def _draw(random: np.random.Generator, size: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    x, point = from_mixture(centres(), SCALE)(random, size)
    return x, point // POINTS
