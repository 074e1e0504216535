"""Steps of natural gradient that a guide takes for each datum, after its network (jax)."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp


def refined(
    output: jax.Array,
    log_p: Callable[[jax.Array], jax.Array],
    points: jax.Array,
    steps: int,
    rate: float,
) -> jax.Array:
    """See `refinement.refined`."""
    places = points.reshape(-1, *(1,) * (output.ndim - 1), points.shape[-1])

    def bound(at: jax.Array) -> jax.Array:
        mean, log_scale = jnp.split(at, 2, axis=-1)
        scale = jnp.exp(log_scale)
        of_z = (log_scale - 0.5 * (mean**2 + scale**2)).sum(-1)
        return (log_p(mean + scale * places).mean(0) + of_z).sum()

    at = output
    for _ in range(steps):
        mean, log_scale = jnp.split(at, 2, axis=-1)
        uphill, wider = jnp.split(jax.grad(bound)(at), 2, axis=-1)
        log_scale = log_scale - 0.5 * jnp.log(jnp.maximum(1 - rate * wider, 0.1))
        at = jnp.concatenate([mean + rate * jnp.exp(2 * log_scale) * uphill, log_scale], -1)
    return at
