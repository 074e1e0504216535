"""Data drawn from a density that is known, Gaussians of one width among them, as data sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ppl_models.datasets._binarisation import check_seed
from ppl_models.datasets._dataset import SPLITS, Dataset

_SIZES = {"train": 50_000, "valid": 10_000, "test": 10_000}
_AT_ONCE = 10_000  # rows of points that are compared with all centres

Draw = Callable[[np.random.Generator, int], tuple[NDArray[np.float64], NDArray[np.int64]]]


def drawn(
    name: str, draw: Draw, log_p: Callable[[ArrayLike], NDArray[np.float64]], seed: int
) -> Dataset:
    """Draws of a known density as a data set.

    Args:
        name: name of the data set.
        draw: from a source of numbers and a count to points, shape (count, D), and their labels.
        log_p: the density's logarithm, in nats.
        seed: seed of the draws.

    Raises:
        ValueError: if the seed is no whole number from 0.
    """
    seed = check_seed(seed)
    # One stream per split, so that the draws of one do not depend on the size of the other.
    x: dict[str, NDArray[Any]] = {}
    labels = {}
    for number, split in enumerate(SPLITS):
        x[split], labels[split] = draw(np.random.default_rng((seed, number)), _SIZES[split])
    return Dataset(
        name=name,
        train=x["train"],
        valid=x["valid"],
        test=x["test"],
        labels=labels,
        image_shape=(x["train"].shape[1],),
        binarisation="real",
        seed=seed,
        log_p=log_p,
    )


def from_mixture(centres: NDArray[np.float64], scale: float) -> Draw:
    """Draws of equally likely isotropic Gaussians; the labels are the components.

    Args:
        centres: shape (components, D).
        scale: standard deviation along each axis.
    """

    def draw(
        random: np.random.Generator, size: int
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        labels = random.integers(len(centres), size=size)
        return centres[labels] + random.normal(scale=scale, size=(size, centres.shape[1])), labels

    return draw


def mixture_log_p(x: ArrayLike, centres: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """log p of points under equally likely isotropic Gaussians, in nats, shape (N,).

    Args:
        x: shape (N, D).
        centres: shape (components, D).
        scale: standard deviation along each axis.
    """
    points = as_points(x, centres.shape[1])
    constant = np.log(len(centres)) + centres.shape[1] * np.log(scale * np.sqrt(2 * np.pi))
    parts = np.split(points, range(_AT_ONCE, len(points), _AT_ONCE))
    return np.concatenate([_log_sum(part, centres, scale) for part in parts]) - constant


def _log_sum(
    points: NDArray[np.float64], centres: NDArray[np.float64], scale: float
) -> NDArray[np.float64]:
    gaps = ((points[:, None] - centres) ** 2).sum(-1)
    return np.logaddexp.reduce(-0.5 * gaps / scale**2, axis=1)


def as_points(x: ArrayLike, columns: int = 2) -> NDArray[np.float64]:
    """The points that a density is asked for.

    Raises:
        ValueError: if they have another shape.
    """
    points = np.asarray(x, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != columns:
        raise ValueError(f"x must have shape (N, {columns}), got {points.shape}.")
    return points
