"""Sweeps of noisy layers, odd ones and even ones in turn, above a vector that is held (flax)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray


class OddEven(nnx.Module):
    """Layers h_1..h_L above h_0, with the same weights up and down: see `odd_even.OddEven`."""

    def __init__(
        self, sizes: Sequence[int], sweeps: int, noise_scale: float, rngs: nnx.Rngs
    ) -> None:
        self.sweeps, self.noise_scale = sweeps, noise_scale
        glorot = nnx.initializers.glorot_uniform()
        self.weights = nnx.List(nnx.Param(glorot(rngs.params(), pair)) for pair in pairwise(sizes))
        self.biases = nnx.List(nnx.Param(jnp.zeros(size)) for size in sizes)

    def __call__(self, bottom: jax.Array, noise: jax.Array) -> jax.Array:
        """The output, (..., sizes[0]).

        Args:
            bottom: h_0, (..., sizes[0]).
            noise: e and e' of every layer in each sweep, (..., sweeps, 2, sum of sizes[1:]).
        """
        weights = [jnp.asarray(weight) for weight in self.weights]
        biases = [jnp.asarray(bias) for bias in self.biases]
        ends = np.cumsum([len(bias) for bias in biases[1:]])[:-1]
        shape = noise.shape[:-3]
        layers = [bottom, *(jnp.zeros((*shape, len(bias)), noise.dtype) for bias in biases[1:])]
        for sweep in range(self.sweeps):
            before, after = (jnp.split(noise[..., sweep, way, :], ends, -1) for way in (0, 1))
            for level in [*range(1, len(layers), 2), *range(2, len(layers), 2)]:
                inputs = layers[level - 1] @ weights[level - 1] + biases[level]
                if level + 1 < len(layers):
                    inputs = inputs + layers[level + 1] @ weights[level].T
                active = jnp.tanh(inputs + self.noise_scale * before[level - 1])
                layers[level] = active + self.noise_scale * after[level - 1]
        return layers[1] @ weights[0].T + biases[0]

    def set_output_bias(self, bias: NDArray[Any]) -> None:
        """Set b_0, shape (sizes[0],)."""
        self.biases[0] = nnx.Param(jnp.asarray(bias))
