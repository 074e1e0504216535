"""Initial parameters that say something of the data or the model; it imports no framework."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ppl_models.networks.arguments import NETWORK_VARIANCE, as_numbers


def output_bias(
    data_mean: ArrayLike | None, data_dim: int, likelihood: str, *, name: str = "data_mean"
) -> NDArray[np.float32]:
    """Bias b with mean(x) = sigmoid(b) for a Bernoulli likelihood and mean(x) = b for a Gaussian.

    It is zero where the mean is not known.

    A Bernoulli mean is kept within [0.001, 0.999], so that a pixel that is never on can still
    learn (Burda et al. 2016, arXiv:1509.00519, do the same).

    Args:
        data_mean: shape (data_dim,), or None.
        data_dim: the number of columns of the data.
        likelihood: `"bernoulli"` or `"gaussian"`.
        name: what messages call the mean.

    Raises:
        ValueError: if the shape is wrong, a value is not finite, or a Bernoulli mean lies outside
            [0, 1].
    """
    if data_mean is None:
        return np.zeros(data_dim, dtype=np.float32)
    mean = as_numbers(name, data_mean)
    if mean.shape != (data_dim,):
        raise ValueError(
            f"{name} must have shape ({data_dim},), one entry per column, got {mean.shape}; "
            "pass for example train.mean(axis=0)."
        )
    if not np.isfinite(mean).all():
        raise ValueError(f"{name} has values that are not finite; check the training data.")
    if likelihood == "bernoulli":
        if mean.min() < 0 or mean.max() > 1:
            raise ValueError(
                f"{name} must lie in [0, 1] for a Bernoulli likelihood, got values from "
                f"{mean.min():.3g} to {mean.max():.3g}; scale the data first."
            )
        mean = np.clip(mean, 0.001, 0.999)
        mean = np.log(mean) - np.log1p(-mean)
    return mean.astype(np.float32)


def start_at_mean(
    network: Any, data_mean: ArrayLike | None, data_dim: int, likelihood: str
) -> None:
    """Give a network's last layer the bias that reproduces the data's mean, where it is known.

    Args:
        network: an `MLP` or whatever else has `set_output_bias`.
        data_mean: shape (data_dim,), or None.
        data_dim: the number of columns of the data.
        likelihood: `"bernoulli"`, `"network-variance"` or another.

    Raises:
        ValueError: if it is a network of the user's, or the mean is not one of such data.
    """
    if data_mean is None:
        return
    if not hasattr(network, "set_output_bias"):
        raise ValueError(
            "data_mean sets the bias of the pair's own decoder; leave it out and set the bias of "
            "the decoder that you give."
        )
    bias = output_bias(data_mean, data_dim, likelihood)
    if likelihood == NETWORK_VARIANCE:  # after the means come the scales
        bias = np.concatenate([bias, np.zeros_like(bias)])
    network.set_output_bias(bias)


def tiling(size: int, side: int, intensity: float = 1.0) -> NDArray[np.float32]:
    """The parameters of `filterbank`, (5,), with which a grid sees, or paints, all of the image.

    The filters are `side / size` apart and half as wide. With parameters of zero they would be one
    pixel wide, and a grid of two by two would look at the four corners, where most images are
    empty: nothing would ever draw it elsewhere.
    """
    stride = side / size
    apart = stride * max(size - 1, 1) / max(side - 1, 1)
    wanted = (1.0, 1.0, (stride / 2) ** 2, apart, intensity)
    return np.log(wanted).astype(np.float32)
