"""Positive latents of a datum: what the model draws, and what the guide proposes (NumPyro)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as dist


class LogNormalLatent:
    """See `positive_latents.LogNormalLatent`."""

    site = "z"

    def __init__(self, dim: int) -> None:
        self.inputs, self.outputs = dim, 2 * dim

    def prior(self) -> dist.Distribution:
        """p(z), event (D,)."""
        return dist.LogNormal(jnp.zeros(self.inputs), 1.0).to_event(1)

    def proposal(self, output: jax.Array) -> dist.Distribution:
        """q(z) from what an encoder gives, shape (..., outputs)."""
        mean, log_scale = jnp.split(output, 2, axis=-1)
        return dist.LogNormal(mean, jnp.exp(log_scale)).to_event(1)

    def vector(self, value: Any) -> jax.Array:
        """The value as a decoder sees it, shape (..., D)."""
        return value


class ExponentialLatent:
    """See `positive_latents.ExponentialLatent`."""

    site = "z"

    def __init__(self, dim: int) -> None:
        self.inputs = self.outputs = dim

    def prior(self) -> dist.Distribution:
        """p(z), event (D,)."""
        return dist.Exponential(jnp.ones(self.inputs)).to_event(1)

    def proposal(self, output: jax.Array) -> dist.Distribution:
        """q(z) from what an encoder gives, shape (..., outputs)."""
        return dist.Exponential(jnp.exp(output)).to_event(1)

    def vector(self, value: Any) -> jax.Array:
        """The value as a decoder sees it, shape (..., D)."""
        return value
