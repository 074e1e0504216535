"""Recurrent cells and their linear layers for NumPyro pairs (flax NNX)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx


def linear(fan_in: int, fan_out: int, rngs: nnx.Rngs, *, bias: bool = True) -> nnx.Linear:
    """A linear layer with Glorot uniform weights and zero biases (Glorot & Bengio 2010)."""
    glorot = nnx.initializers.glorot_uniform()
    return nnx.Linear(fan_in, fan_out, use_bias=bias, kernel_init=glorot, rngs=rngs)


class Initial(nnx.Module):
    """A trained vector that a recurrence starts from."""

    def __init__(self, value: jax.Array) -> None:
        self.value = nnx.Param(value)

    def __call__(self) -> jax.Array:
        """The vector."""
        return self.value[...]


class LSTM(nnx.Module):
    """One step of a long short-term memory, given what its inputs add to its gates.

        i, f, g, o = inputs + W h + b
        c' = sigmoid(f + 1) c + sigmoid(i) tanh(g),   h' = sigmoid(o) tanh(c')

    The caller projects the inputs, so that several can be added, each with leading dimensions of
    its own, and constant ones be projected once. The gate f begins open (Gers et al. 2000).
    """

    def __init__(self, size: int, rngs: nnx.Rngs) -> None:
        self.recurrent = linear(size, 4 * size, rngs)

    def __call__(
        self, inputs: jax.Array, h: jax.Array, c: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """Output and memory after a step; inputs have shape (..., 4 * size)."""
        i, f, g, o = jnp.split(inputs + self.recurrent(h), 4, axis=-1)
        c = nnx.sigmoid(f + 1) * c + nnx.sigmoid(i) * jnp.tanh(g)
        return nnx.sigmoid(o) * jnp.tanh(c), c


class GRU(nnx.Module):
    """One step of a gated recurrent unit, given what its inputs add to its gates.

        r, u = sigmoid(inputs + W h),  n = tanh(inputs + r V h),  h' = (1 - u) n + u h

    (Cho et al. 2014, arXiv:1406.1078). The caller projects the inputs, for all steps at once.
    """

    def __init__(self, size: int, rngs: nnx.Rngs) -> None:
        self.recurrent = linear(size, 3 * size, rngs)

    def __call__(self, inputs: jax.Array, h: jax.Array) -> jax.Array:
        """Output after a step; inputs have shape (..., 3 * size)."""
        own = jnp.split(self.recurrent(h), 3, axis=-1)
        reset, keep, new = jnp.split(inputs, 3, axis=-1)
        update = nnx.sigmoid(keep + own[1])
        return (1 - update) * jnp.tanh(new + nnx.sigmoid(reset + own[0]) * own[2]) + update * h
