"""Layers of positive latents: what the model draws, and what the guide proposes (NumPyro)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as dist

from ppl_models.hierarchical._positive_start import FLOOR, SMALLEST_SHAPE


class Gamma(dist.Gamma):
    """A Gamma whose draws never round to zero, where its density is none; as Pyro's are."""

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, at least the smallest positive number."""
        drawn = jnp.asarray(super().sample(key, sample_shape))
        return jnp.maximum(drawn, jnp.finfo(drawn.dtype).tiny)


def product(z: Any, weights: Any) -> jax.Array:
    """See `_positive_layers.product`."""
    return (jnp.asarray(z)[..., None, :] @ weights)[..., 0, :] + FLOOR


def layer(kind: str, mean: jax.Array, parameter: float) -> dist.Distribution:
    """See `_positive_layers.layer`."""
    if kind == "gamma":
        return Gamma(jnp.full_like(mean, parameter), parameter / mean).to_event(1)
    return dist.LogNormal(jnp.log(mean), jnp.full_like(mean, parameter)).to_event(1)


def proposal(kind: str, level: jax.Array, width: jax.Array) -> dist.Distribution:
    """See `_positive_layers.proposal`."""
    scale = jax.nn.softplus(width)
    if kind == "gamma":
        shape = SMALLEST_SHAPE + scale**-2
        return Gamma(shape, shape * jnp.exp(-level))
    return dist.LogNormal(level, scale)
