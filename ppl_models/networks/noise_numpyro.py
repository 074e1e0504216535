"""The noise that a generator starts from, and what a guide proposes for it (jax)."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import constraints
from numpyro.distributions.transforms import ParameterFreeTransform

PRIORS = ("normal", "uniform")
EDGE = 1 - 1e-6  # of (-1, 1); in single precision a tanh would reach 1, which has no inverse


class ToInterval(ParameterFreeTransform):
    """z = tanh(u), kept within [-EDGE, EDGE] so that any draw has a density."""

    domain: Any = constraints.real  # pyright: ignore[reportIncompatibleMethodOverride]
    codomain: Any = constraints.interval(-1.0, 1.0)  # pyright: ignore[reportIncompatibleMethodOverride]
    sign: Any = 1  # pyright: ignore[reportIncompatibleMethodOverride]

    def __call__(self, x: Any) -> Any:
        """Into the interval."""
        return jnp.clip(jnp.tanh(x), -EDGE, EDGE)

    def _inverse(self, y: Any) -> Any:
        return jnp.arctanh(jnp.clip(y, -EDGE, EDGE))

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        """log(1 - tanh(x)^2), which does not vanish for large x."""
        return 2 * (math.log(2) - x - jax.nn.softplus(-2 * x))


def prior(kind: str, latent_dim: int) -> dist.Distribution:
    """p(z), event shape (latent_dim,)."""
    zero = jnp.zeros(latent_dim)
    if kind == "normal":
        return dist.Normal(zero, 1.0).to_event(1)
    return dist.Uniform(zero - 1, zero + 1).to_event(1)


def proposal(kind: str, output: jax.Array) -> dist.Distribution:
    """q(z) from the guide's output (m, s), shape (..., 2 * latent_dim).

    Normal(m, exp(s)), or the tanh of such a draw where the prior is uniform on (-1, 1).
    """
    mean, log_scale = jnp.split(output, 2, axis=-1)
    base = dist.Normal(mean, jnp.exp(log_scale)).to_event(1)
    if kind == "normal":
        return base
    return dist.TransformedDistribution(base, [ToInterval()])
