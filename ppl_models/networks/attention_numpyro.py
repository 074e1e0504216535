"""A grid of Gaussian filters that reads from a square image or writes to one (jax).

Gregor et al. 2015, arXiv:1502.04623, section 3.2. Images are flat: (..., side * side).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

PARAMETERS = 5  # of a grid: centre across and down, log variance, log stride, log intensity


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
    """Filters from free parameters, shape (..., 5).

    The centres of the grid, its stride, and the filters' variance are

        g = (side + 1) / 2 (p_0 + 1) across, with p_1 down,
        delta = (side - 1) / (size - 1) exp(p_3),   sigma^2 = exp(p_2),
        mu_i = g + (i - (size + 1) / 2) delta,   i = 1..size,   intensity = exp(p_4)

    so that with parameters of zero the outer filters are at the edges. Pixels are numbered from 1
    to `side`.
    """
    centre = (side + 1) / 2 * (parameters[..., :2] + 1)
    variance, stride, intensity = jnp.split(jnp.exp(parameters[..., 2:]), 3, axis=-1)
    offset = jnp.arange(size, dtype=parameters.dtype) - (size - 1) / 2
    offset = (side - 1) / max(size - 1, 1) * stride * offset
    pixels = jnp.arange(1, side + 1, dtype=parameters.dtype)

    def filters(centre: jax.Array) -> jax.Array:
        distance = pixels - (centre + offset)[..., None]
        return jax.nn.softmax(-(distance**2) / (2 * variance[..., None]), axis=-1)

    return Filterbank(filters(centre[..., 1:]), filters(centre[..., :1]), intensity)
