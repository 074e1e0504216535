"""The decoder bias that reproduces the data's mean; it imports no framework."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def output_bias(data_mean: ArrayLike, data_dim: int, likelihood: str) -> NDArray[np.float32]:
    """Bias b with mean(x) = sigmoid(b) for a Bernoulli likelihood and mean(x) = b for a Gaussian.

    A Bernoulli mean is kept within [0.001, 0.999], so that a pixel that is never on can still
    learn (Burda et al. 2016, arXiv:1509.00519, do the same).

    Args:
        data_mean: shape (data_dim,).
        data_dim: the number of columns of the data.
        likelihood: `"bernoulli"` or `"gaussian"`.

    Raises:
        ValueError: if the shape is wrong, a value is not finite, or a Bernoulli mean lies outside
            [0, 1].
    """
    mean = np.asarray(data_mean, dtype=np.float64)
    if mean.shape != (data_dim,):
        raise ValueError(
            f"data_mean must have shape ({data_dim},), one entry per column, got {mean.shape}; "
            "pass for example train.mean(axis=0)."
        )
    if not np.isfinite(mean).all():
        raise ValueError("data_mean has values that are not finite; check the training data.")
    if likelihood == "bernoulli":
        if mean.min() < 0 or mean.max() > 1:
            raise ValueError(
                f"data_mean must lie in [0, 1] for a Bernoulli likelihood, got values from "
                f"{mean.min():.3g} to {mean.max():.3g}; scale the data first."
            )
        mean = np.clip(mean, 0.001, 0.999)
        mean = np.log(mean) - np.log1p(-mean)
    return mean.astype(np.float32)
