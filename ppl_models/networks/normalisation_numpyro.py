"""Normalisation of hidden layers by a batch or by a fixed one, for NumPyro pairs (flax NNX)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from numpy.typing import NDArray

from ppl_models.networks.mlp_numpyro import ACTIVATION_FUNCTIONS, linear

EPSILON = 1e-5
KEPT = 0.9  # of the running averages in each step


class BatchNorm(nnx.Module):
    """Each feature with mean 0 and variance 1 over a batch, then scaled and shifted.

    (Ioffe & Szegedy 2015, arXiv:1502.03167.)

        y = scale (x - m) / sqrt(v + epsilon) + bias

    In training mode m and v are the mean and variance over every other dimension, and move the
    running averages that take their place in evaluation mode. Particles under `vmap` are each
    normalised on their own.

    Args:
        size: number of features, the last dimension.
    """

    def __init__(self, size: int) -> None:
        self.use_running_average = False  # the name that nnx.Module.eval() sets
        self.scale = nnx.Param(jnp.ones(size))
        self.bias = nnx.Param(jnp.zeros(size))
        self.mean = nnx.BatchStat(jnp.zeros(size))
        self.var = nnx.BatchStat(jnp.ones(size))

    def __call__(self, x: jax.Array) -> jax.Array:
        """Normalise; the shape stays."""
        mean, var = self.mean[...], self.var[...]
        if not self.use_running_average:
            others = tuple(range(x.ndim - 1))
            own_mean, own_var = x.mean(others), x.var(others)
            self.mean[...] = KEPT * mean + (1 - KEPT) * own_mean
            self.var[...] = KEPT * var + (1 - KEPT) * own_var
            mean, var = own_mean, own_var
        slope = self.scale[...] * jax.lax.rsqrt(var + EPSILON)
        return x * slope + (self.bias[...] - mean * slope)


class BatchNormMLP(nnx.Module):
    """An MLP with batch normalisation before each activation: (..., sizes[0]) to (..., sizes[-1]).

    Layers before a normalisation have no bias, which it would take away again.
    """

    def __init__(self, sizes: Sequence[int], activation: str, rngs: nnx.Rngs) -> None:
        self.activation = ACTIVATION_FUNCTIONS[activation]
        *hidden, last = pairwise(sizes)
        layers = [linear(*pair, rngs, bias=False) for pair in hidden]
        self.layers = nnx.List([*layers, linear(*last, rngs)])
        self.norms = nnx.List(BatchNorm(size) for _, size in hidden)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Apply the layers to the last dimension."""
        *hidden, last = self.layers
        for layer, norm in zip(hidden, self.norms, strict=True):
            x = self.activation(norm(layer(x)))
        return last(x)

    def set_output_bias(self, bias: NDArray[Any]) -> None:
        """Set the bias of the last layer, shape (sizes[-1],)."""
        self.layers[-1].bias = nnx.Param(jnp.asarray(bias))


class VirtualBatchNorm(nnx.Module):
    """Each channel normalised by a reference batch and the example itself, scaled and shifted.

    See `normalisation.VirtualBatchNorm`; here channels come last.

    Args:
        size: number of channels.
    """

    def __init__(self, size: int) -> None:
        self.scale = nnx.Param(jnp.ones(size))
        self.bias = nnx.Param(jnp.zeros(size))

    def __call__(self, x: jax.Array, reference: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Normalise images (N, H, W, C), and the reference batch (R, H, W, C) by itself."""
        every, own, count = (0, 1, 2), (1, 2), len(reference)
        mean, square = reference.mean(every), jnp.square(reference).mean(every)
        own_mean = (count * mean + x.mean(own, keepdims=True)) / (count + 1)
        own_square = (count * square + jnp.square(x).mean(own, keepdims=True)) / (count + 1)
        return self._normalised(x, own_mean, own_square), self._normalised(reference, mean, square)

    def _normalised(self, x: jax.Array, mean: jax.Array, square: jax.Array) -> jax.Array:
        slope = self.scale[...] * jax.lax.rsqrt(square - jnp.square(mean) + EPSILON)
        return x * slope + (self.bias[...] - mean * slope)
