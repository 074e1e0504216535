"""Equally likely Gaussians of one width around known centres, as a data set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ppl_models.datasets._binarisation import check_seed
from ppl_models.datasets._dataset import SPLITS, Dataset

_SIZES = {"train": 50_000, "valid": 10_000, "test": 10_000}


def mixture(name: str, centres: NDArray[np.float64], scale: float, seed: int) -> Dataset:
    """Draws of a mixture of isotropic Gaussians; the labels are the components.

    Args:
        name: name of the data set.
        centres: shape (components, D).
        scale: standard deviation along each axis.
        seed: seed of the draws.

    Raises:
        ValueError: if the seed is no whole number from 0.
    """
    seed = check_seed(seed)
    x, labels = {}, {}
    for number, split in enumerate(SPLITS):
        # One stream per split, so that the draws of one do not depend on the size of the other.
        random = np.random.default_rng((seed, number))
        labels[split] = random.integers(len(centres), size=_SIZES[split])
        noise = random.normal(scale=scale, size=(_SIZES[split], centres.shape[1]))
        x[split] = centres[labels[split]] + noise
    return Dataset(
        name=name,
        train=x["train"],
        valid=x["valid"],
        test=x["test"],
        labels=labels,
        image_shape=(centres.shape[1],),
        binarisation="real",
        seed=seed,
    )
