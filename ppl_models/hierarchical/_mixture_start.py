"""Where the guide of a Bayesian mixture begins."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ppl_models.networks.arguments import as_numbers, check_seed


def mixture_start(
    size: tuple[int, int],
    prior_scale: float,
    shape: float,
    means: ArrayLike | None,
    seed: int,
) -> dict[str, NDArray[np.float32]]:
    """Equal weights, random means and precisions of mean one.

    Args:
        size: (K, D).
        prior_scale: standard deviation of the means' prior.
        shape: of the precisions' prior.
        means: in place of random ones; None for these.
        seed: seed of the means.

    Raises:
        ValueError: if the means are not finite or not of shape (K, D), or the seed is none.
    """
    locs = 0.5 * prior_scale * np.random.default_rng(check_seed(seed)).normal(size=size)
    if means is not None:
        locs = as_numbers("means", means)
        if locs.shape != size or not np.isfinite(locs).all():
            raise ValueError(
                f"means must be finite, of shape (components, data_dim) = {size}; got shape "
                f"{locs.shape}."
            )
    start = {
        "log_concentrations": np.zeros(size[0]),
        "locs": locs,
        "log_scales": np.full(size, np.log(0.1 * prior_scale)),
        "log_shapes": np.full(size, np.log(float(shape))),
        "log_rates": np.full(size, np.log(float(shape))),
    }
    return {name: np.asarray(value, dtype=np.float32) for name, value in start.items()}
