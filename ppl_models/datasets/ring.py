"""A ring of eight Gaussians in the plane, on which collapsing generators lose modes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ppl_models.datasets._dataset import Dataset
from ppl_models.datasets._mixture import drawn, from_mixture, mixture_log_p

MODES, RADIUS, SCALE = 8, 2.0, 0.02


def centres() -> NDArray[np.float64]:
    """The centres of the eight Gaussians, shape (8, 2), at equal angles from (2, 0) on."""
    angles = 2 * np.pi * np.arange(MODES) / MODES
    return RADIUS * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def log_p(x: ArrayLike) -> NDArray[np.float64]:
    """log p(x) of points of the plane, shape (N, 2), in nats, shape (N,)."""
    return mixture_log_p(x, centres(), SCALE)


def load(*, seed: int = 0) -> Dataset:
    """Load the ring: 50,000 train, 10,000 valid and 10,000 test points of the plane.

    As in Metz et al. (2017, arXiv:1611.02163) and Srivastava et al. (2017, arXiv:1705.07761):

        c ~ uniform on 0..7,    x ~ Normal(2 (cos(pi c / 4), sin(pi c / 4)), 0.02^2 I)

    The labels are c. `centres()` and `SCALE` are what `inference.mode_coverage` asks for,
    and `log_p(x)` is the density, also as `log_p` of what is returned.

    Args:
        seed: seed of the draws.

    Raises:
        ValueError: if the seed is no whole number from 0.
    """
    return drawn("ring", from_mixture(centres(), SCALE), log_p, seed)
