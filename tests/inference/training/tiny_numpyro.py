"""Bare NumPyro functions: what `tiny_runs.bare("numpyro")` returns."""

from __future__ import annotations

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax import random
from numpyro.distributions import constraints

WIDTH = 6


def model(x):
    weight = numpyro.param("weight", lambda key: 0.1 * random.normal(key, (WIDTH,)))
    scale = numpyro.param("scale", 1.0, constraint=constraints.positive)
    with numpyro.plate("data", len(x)):
        z = numpyro.sample("z", dist.Normal(jnp.zeros(len(x)), 1.0))
        mean = jnp.expand_dims(jnp.asarray(z), -1) * jnp.asarray(weight)
        numpyro.sample("x", dist.Normal(mean, scale).to_event(1), obs=x)


def guide(x):
    slope = numpyro.param("slope", jnp.zeros(WIDTH))
    spread = numpyro.param("spread", 0.5, constraint=constraints.interval(0.0, 2.0))
    with numpyro.plate("data", len(x)):
        numpyro.sample("z", dist.Normal(x @ slope, spread))
