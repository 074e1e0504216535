"""The reading and the writing network of DRAW, and their filters, for NumPyro pairs (flax NNX).

Gregor et al. 2015, arXiv:1502.04623. Images are flat: (..., side * side).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import nnx
from numpy.typing import ArrayLike

from ppl_models.networks.mlp_numpyro import linear
from ppl_models.networks.recurrence.recurrent_numpyro import LSTM
from ppl_models.networks.start_values import tiling

State = Sequence[jax.Array]  # output and memory of the decoder, and the canvas
PARAMETERS = 5  # of a grid: centre across and down, log variance, log stride, log intensity


class Reader(nnx.Module):
    """One step of the encoder: it looks at an image and at what the canvas lacks of it.

    See `canvas.Reader`.
    """

    def __init__(
        self,
        data_dim: int,
        latent_dim: int,
        hidden: int,
        read_size: int | None,
        rngs: nnx.Rngs,
    ) -> None:
        self.read_size, self.side = read_size, math.isqrt(data_dim)
        self.seen = linear(
            data_dim if read_size is None else 2 * read_size**2, 4 * hidden, rngs, bias=False
        )
        if read_size is not None:
            self.window = _window(hidden, tiling(read_size, self.side), rngs)
        self.feedback = linear(hidden, 4 * hidden, rngs, bias=False)
        self.cell = LSTM(hidden, rngs)
        self.proposal = linear(hidden, 2 * latent_dim, rngs)

    def __call__(
        self, x: jax.Array, glance: jax.Array | None, h: jax.Array, c: jax.Array, drawn: State
    ) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
        """Mean and log scale of z, and the encoder's output and memory."""
        decoded, _, canvas = drawn
        seen = x - nnx.sigmoid(canvas)
        if self.read_size is not None:
            bank = filterbank(self.window(decoded), self.read_size, self.side)
            seen = jnp.concatenate([bank.read(x), bank.read(seen)], -1)
        gates = self.seen(seen) + self.feedback(decoded)
        h, c = self.cell(gates if glance is None else gates + glance, h, c)
        mean, log_scale = jnp.split(self.proposal(h), 2, axis=-1)
        return mean, log_scale, h, c


class Painter(nnx.Module):
    """One step of the decoder: it adds a stroke to the canvas.

    h, c = LSTM(z, h, c),   canvas += W h + b, all over or under a grid set by h
    """

    def __init__(
        self,
        data_dim: int,
        latent_dim: int,
        hidden: int,
        write_size: int | None,
        rngs: nnx.Rngs,
    ) -> None:
        self.write_size, self.side = write_size, math.isqrt(data_dim)
        self.latent = linear(latent_dim, 4 * hidden, rngs, bias=False)
        self.cell = LSTM(hidden, rngs)
        if write_size is not None:
            stride = self.side / write_size  # an intensity with which a stroke adds what it says
            self.window = _window(hidden, tiling(write_size, self.side, stride**-2), rngs)
        self.stroke = linear(hidden, data_dim if write_size is None else write_size**2, rngs)

    def __call__(self, z: jax.Array, drawn: State) -> State:
        """The decoder's output and memory, and the canvas, after z."""
        h, c, canvas = drawn
        h, c = self.cell(self.latent(z), h, c)
        stroke = self.stroke(h)
        if self.write_size is not None:
            stroke = filterbank(self.window(h), self.write_size, self.side).write(stroke)
        return h, c, canvas + stroke


def _window(hidden: int, start: ArrayLike, rngs: nnx.Rngs) -> nnx.Linear:
    """Where the decoder's output puts a grid, and where it is at the start."""
    layer = linear(hidden, PARAMETERS, rngs)
    layer.bias = nnx.Param(jnp.asarray(start))
    return layer


@dataclass(frozen=True)
class Filterbank:
    """Filters down and across, each (..., size, side), and the intensity, (..., 1).

    Every filter sums to one over the image, however far outside of it its centre lies.
    """

    down: jax.Array
    across: jax.Array
    intensity: jax.Array

    def read(self, image: jax.Array) -> jax.Array:
        """The patch under the grid, times the intensity: (..., size * size)."""
        square = image.reshape(*image.shape[:-1], self.down.shape[-1], self.across.shape[-1])
        patch = self.down @ square @ jnp.swapaxes(self.across, -1, -2)
        return self.intensity * patch.reshape(*patch.shape[:-2], -1)

    def write(self, patch: jax.Array) -> jax.Array:
        """The patch laid out under the grid, divided by the intensity: (..., side * side)."""
        square = patch.reshape(*patch.shape[:-1], self.down.shape[-2], self.across.shape[-2])
        image = jnp.swapaxes(self.down, -1, -2) @ square @ self.across
        return image.reshape(*image.shape[:-2], -1) / self.intensity


def filterbank(parameters: jax.Array, size: int, side: int) -> Filterbank:
    """Filters from free parameters, shape (..., 5): see `canvas.filterbank`."""
    centre = (side + 1) / 2 * (parameters[..., :2] + 1)
    variance, stride, intensity = jnp.split(jnp.exp(parameters[..., 2:]), 3, axis=-1)
    offset = jnp.arange(size, dtype=parameters.dtype) - (size - 1) / 2
    offset = (side - 1) / max(size - 1, 1) * stride * offset
    pixels = jnp.arange(1, side + 1, dtype=parameters.dtype)

    def filters(centre: jax.Array) -> jax.Array:
        distance = pixels - (centre + offset)[..., None]
        return jax.nn.softmax(-(distance**2) / (2 * variance[..., None]), axis=-1)

    return Filterbank(filters(centre[..., 1:]), filters(centre[..., :1]), intensity)
