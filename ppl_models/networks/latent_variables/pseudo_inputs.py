"""Where the components of a learnt prior begin; no framework."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ppl_models.networks.start_values import output_bias


def pseudo_inputs(
    size: tuple[int, int], data_mean: ArrayLike | None, likelihood: str, seed: int
) -> NDArray[np.float32]:
    """Pseudo-inputs about the mean of the data, (K, D): logits where data are binary.

    Args:
        size: K and D.
        data_mean: mean of the training data, (D,); zero, or a probability of a half, when None.
        likelihood: `"bernoulli"` or another.
        seed: seed of the noise.
    """
    centre = output_bias(data_mean, size[1], likelihood)
    spread = 1.0 if likelihood == "bernoulli" else 0.1
    noise = np.random.default_rng((seed, 1)).normal(size=size)
    return (centre + spread * noise).astype(np.float32)


def mixture_means(size: tuple[int, int], seed: int) -> NDArray[np.float32]:
    """Means of the components of a mixture over the latents, (K, D)."""
    return np.random.default_rng((seed, 2)).normal(size=size).astype(np.float32)
