"""Arithmetic of a program on NumPyro: means and scores of arrays, whatever the pair."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from inference.engines.numpyro.ops import Ops


class Arithmetic:
    """What a program offers that asks nothing of its pair; see `Program`."""

    ops = Ops

    def stop(self, value: Any) -> Any:
        """The value without its gradient."""
        return lax.stop_gradient(value)

    def logmeanexp(self, values: Array) -> Array:
        """log of the mean of exp over the first axis: (K, N) to (N,)."""
        return values[0] if len(values) == 1 else logmeanexp(values)

    def score(self, signal: Array, log_q_scored: Array | None) -> Array:
        """A score-function term: zero in value, signal * grad log q in gradient; (K, N)."""
        if log_q_scored is None:
            return jnp.zeros_like(signal)
        return lax.stop_gradient(signal) * (log_q_scored - lax.stop_gradient(log_q_scored))

    def diagonal(self, values: Array) -> Array:
        """A (K, K, N) array with (K, N) values on its diagonal and zeros elsewhere."""
        return jnp.eye(len(values))[..., None] * values


def logmeanexp(values: Array) -> Array:
    """log of the mean of exp over the first axis, -inf and without gradient where all are -inf."""
    possible = lax.stop_gradient(values.max(0)) != -jnp.inf  # true of NaN, which stays one
    total = jax.nn.logsumexp(jnp.where(possible, values, 0.0), axis=0)
    return jnp.where(possible, total, -jnp.inf) - math.log(len(values))
