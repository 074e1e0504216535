"""A map that turns, stretches and shifts images: six numbers for all of them (flax)."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from ppl_models.networks.image_arguments import check_sides, turn_matrix


class AffineWarp(nnx.Module):
    """An affine warp of flat images, of the same arguments as `affine_warp.AffineWarp`.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(self, image_shape: Sequence[int], *, angle: float = 0.0) -> None:
        self.image_shape = check_sides(image_shape)
        self.matrix = nnx.Param(jnp.asarray(turn_matrix(angle), jnp.result_type(float)))
        self.shift = nnx.Param(jnp.zeros(2))

    def __call__(self, x: jax.Array) -> jax.Array:
        """The images at the places that the pixels are sent to."""
        places = self._places()
        sent = places @ self.matrix[...].T + self.shift[...]
        apart = sent[:, None] - places
        # At a tie maximum takes half of either slope; the slope of jnp.abs at zero is 1.
        near = jnp.maximum(0.0, 1 - jnp.maximum(apart, -apart))
        return x @ (near[..., 0] * near[..., 1]).T

    def _places(self) -> jax.Array:
        """Each pixel's place from the middle, (height * width, 2)."""
        height, width = self.image_shape
        down, across = (jnp.arange(side) - (side - 1) / 2 for side in (height, width))
        return jnp.stack([jnp.tile(across, height), jnp.repeat(down, width)], axis=-1)
