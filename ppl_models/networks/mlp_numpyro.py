"""Fully connected network for NumPyro pairs (flax NNX)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from flax import nnx

_ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "tanh": jnp.tanh,
    "relu": nnx.relu,
    "softplus": nnx.softplus,
    "elu": nnx.elu,
    "silu": nnx.silu,
}


class MLP(nnx.Module):
    """Linear layers with an activation between them: (..., sizes[0]) to (..., sizes[-1]).

    Weights are Glorot uniform and biases zero (Glorot & Bengio 2010), the initialisation of the
    published VAE and IWAE recipes.
    """

    def __init__(self, sizes: Sequence[int], activation: str, rngs: nnx.Rngs) -> None:
        self.activation = _ACTIVATIONS[activation]
        self.layers = nnx.List(
            nnx.Linear(
                fan_in, fan_out, kernel_init=nnx.initializers.glorot_uniform(), rngs=rngs
            )
            for fan_in, fan_out in zip(sizes[:-1], sizes[1:], strict=True)
        )

    def __call__(self, x: jax.Array) -> jax.Array:
        """Apply the layers to the last dimension."""
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation(layer(x))
        return last(x)
