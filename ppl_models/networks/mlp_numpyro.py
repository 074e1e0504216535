"""Fully connected network for NumPyro pairs (flax NNX)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from numpy.typing import NDArray


def leaky_relu(x: jax.Array) -> jax.Array:
    """x above zero and x / 5 below; it has a name, so that a pair can be pickled."""
    return nnx.leaky_relu(x, 0.2)


ACTIVATION_FUNCTIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "tanh": jnp.tanh,
    "relu": nnx.relu,
    "softplus": nnx.softplus,
    "elu": nnx.elu,
    "silu": nnx.silu,
    "leaky-relu": leaky_relu,
}


class MLP(nnx.Module):
    """Linear layers with an activation between them: (..., sizes[0]) to (..., sizes[-1]).

    Weights are Glorot uniform and biases zero (Glorot & Bengio 2010), the initialisation of the
    published VAE and IWAE recipes.
    """

    def __init__(self, sizes: Sequence[int], activation: str, rngs: nnx.Rngs) -> None:
        self.activation = ACTIVATION_FUNCTIONS[activation]
        self.layers = nnx.List(
            nnx.Linear(fan_in, fan_out, kernel_init=nnx.initializers.glorot_uniform(), rngs=rngs)
            for fan_in, fan_out in pairwise(sizes)
        )

    def __call__(self, x: jax.Array) -> jax.Array:
        """Apply the layers to the last dimension."""
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation(layer(x))
        return last(x)

    def set_output_bias(self, bias: NDArray[Any]) -> None:
        """Set the bias of the last layer, shape (sizes[-1],)."""
        self.layers[-1].bias = nnx.Param(jnp.asarray(bias))
