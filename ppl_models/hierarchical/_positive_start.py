"""What layers of positive latents are made of, and where the guide of their weights begins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ppl_models.networks.arguments import check_seed

FLOOR = 1e-6  # of a mean, which a sum of draws near zero would round to zero
# Of a Gamma in a guide. A draw of shape a is below the smallest single-precision number with
# probability 1e-38^a, one in 6,000 at 0.1 but one in 2 at 0.01, and is then held at that number.
SMALLEST_SHAPE = 0.1
START_WIDTH = -0.8  # log(1 + exp(width)) is then 0.37


def weights_start(
    data_dim: int, latent_dims: Sequence[int], mean: float, seed: int
) -> dict[str, NDArray[np.float32]]:
    """Nearly equal weights, so that units can part: levels and widths, each (K, V), by name.

    Args:
        data_dim: columns of x.
        latent_dims: units of each layer, from the data upwards.
        mean: of the weights' prior.
        seed: seed of the levels.
    """
    random, start, below = np.random.default_rng(check_seed(seed)), {}, data_dim
    for number, size in enumerate(latent_dims, start=1):
        levels = np.log(mean * random.gamma(20.0, 1 / 20, size=(size, below)))
        start[f"levels{number}"] = levels.astype(np.float32)
        start[f"widths{number}"] = np.full((size, below), START_WIDTH, np.float32)
        below = size
    return start


def encoder_start(latent_dims: Sequence[int]) -> NDArray[np.float32]:
    """The bias of an encoder that gives each layer's levels, about 1, and widths, in turn."""
    parts = [np.repeat([0.0, START_WIDTH], size) for size in latent_dims]
    return np.concatenate(parts).astype(np.float32)
