"""The upward pass of a ladder guide, for NumPyro pairs (Sonderby et al. 2016)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx

from ppl_models.networks.mlp_numpyro import MLP


class Rung(MLP):
    """A fully connected network that also returns the features below its last layer."""

    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Features (..., sizes[-2]) and output (..., sizes[-1])."""
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation(layer(x))
        return x, last(x)


def precision_weighted(
    first: tuple[jax.Array, jax.Array], second: tuple[jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array]:
    """Mean and log scale of the normalised product of two Gaussians, entry by entry.

    Args:
        first: mean and log scale.
        second: mean and log scale.
    """
    (mean, log_scale), (other, other_log_scale) = first, second
    weight = nnx.sigmoid(2 * (other_log_scale - log_scale))  # the first one's share of precision
    log_precision = jnp.logaddexp(-2 * log_scale, -2 * other_log_scale)
    return other + weight * (mean - other), -0.5 * log_precision
