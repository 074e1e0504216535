"""Steps of natural gradient that a guide takes for each datum, after its network (jax)."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from numpyro.distributions import Distribution


def refined(
    output: jax.Array,
    likelihood: Callable[[jax.Array], Distribution],
    x: jax.Array,
    points: NDArray[np.float32],
    steps: int,
    rate: float,
) -> jax.Array:
    """See `refinement.refined`."""
    places = jnp.asarray(points).reshape(-1, *(1,) * (output.ndim - 1), points.shape[-1])

    def bound(at: jax.Array) -> jax.Array:
        mean, log_scale = jnp.split(at, 2, axis=-1)
        scale = jnp.exp(log_scale)
        of_z = (log_scale - 0.5 * (mean**2 + scale**2)).sum(-1)
        log_p = jnp.asarray(likelihood(mean + scale * places).log_prob(x))
        return (log_p.mean(0) + of_z).sum()

    at = output
    for _ in range(steps):
        mean, log_scale = jnp.split(at, 2, axis=-1)
        uphill, wider = jnp.split(jax.grad(bound)(at), 2, axis=-1)
        log_scale = log_scale - 0.5 * jnp.log(jnp.maximum(1 - rate * wider, 0.1))
        at = jnp.concatenate([mean + rate * jnp.exp(2 * log_scale) * uphill, log_scale], -1)
    return at
