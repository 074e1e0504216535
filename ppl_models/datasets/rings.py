"""Four rings around one centre, a density of the plane that is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ppl_models.datasets._dataset import Dataset
from ppl_models.datasets._mixture import as_points, drawn

RADII, SCALE = (1.0, 2.0, 3.0, 4.0), 0.1


def log_p(x: ArrayLike) -> NDArray[np.float64]:
    """log p(x) of points of the plane, shape (N, 2), in nats, shape (N,)."""
    radius = np.maximum(np.linalg.norm(as_points(x), axis=1), 1e-12)
    # A radius below zero is a point on the other side.
    signed = np.stack([radius, -radius], axis=1)[:, :, None]
    gaps = ((signed - np.array(RADII)) / SCALE) ** 2
    of_radius = np.logaddexp.reduce(-0.5 * gaps.reshape(len(radius), -1), axis=1)
    constant = np.log(len(RADII) * SCALE * np.sqrt(2 * np.pi))
    return of_radius - constant - np.log(2 * np.pi * radius)


def load(*, seed: int = 0) -> Dataset:
    """Load the rings: 50,000 train, 10,000 valid and 10,000 test points of the plane.

    After the rings of Grathwohl et al. (2019, arXiv:1810.01367), with noise along the radius:

        c ~ uniform on 1..4,    a ~ Uniform(0, 2 pi),    r ~ Normal(c, 0.1^2)
        x = r (cos a, sin a),   log p(x) = log (p(|x|) + p(-|x|)) - log(2 pi |x|)

    with p the density of r. The labels are c - 1; `log_p(x)` is also `log_p` of what is returned.

    Args:
        seed: seed of the draws.

    Raises:
        ValueError: if the seed is no whole number from 0.
    """
    return drawn("rings", _draw, log_p, seed)


def _draw(random: np.random.Generator, size: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    labels = random.integers(len(RADII), size=size)
    angle = random.uniform(0, 2 * np.pi, size=size)
    radius = np.array(RADII)[labels] + random.normal(scale=SCALE, size=size)
    return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1), labels
