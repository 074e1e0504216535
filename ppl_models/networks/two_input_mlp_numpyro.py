"""Fully connected network of two inputs for NumPyro pairs (flax NNX)."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from ppl_models.networks.mlp_numpyro import MLP

__all__ = ["TwoInputMLP"]


class TwoInputMLP(MLP):
    """An MLP of two inputs side by side: (..., first) and (..., second) to (..., sizes[-1]).

    Its first layer is W_1 first + W_2 second + b, each product with the leading dimensions that
    its own input has: where particles or enumerated states have only one of the two, the other's
    product is worked out once.
    """

    def __init__(
        self,
        inputs: tuple[int, int],
        sizes: Sequence[int],
        activation: str,
        rngs: nnx.Rngs,
    ) -> None:
        super().__init__([sum(inputs), *sizes], activation, rngs)
        self.inputs = inputs

    def __call__(self, first: jax.Array, second: jax.Array) -> jax.Array:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Apply the layers to the last dimensions; the others broadcast."""
        joint, *rest = self.layers
        kernel, size = jnp.asarray(joint.kernel), self.inputs[0]
        output = first @ kernel[:size] + jnp.asarray(joint.bias) + second @ kernel[size:]
        for layer in rest:
            output = layer(self.activation(output))
        return output
