# type: ignore  # as users write them
"""Masks, factors, and data that are there in part."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro import handlers
from numpyro.distributions import constraints
from numpyro.infer import Trace_ELBO
from numpyro.infer.autoguide import AutoNormal

from numpyro_corpus.registry import program

_random = np.random.default_rng(10)
TABLE = _random.normal(size=(24, 4)).astype(np.float32)
SEEN = _random.random((24, 4)) < 0.8
AGE = np.where(_random.random(24) < 0.8, TABLE[:, 0], 0).astype(np.float32)
KNOWN = AGE != 0
SURVIVED = (TABLE[:, 1] + TABLE[:, 0] > 0).astype(np.int32)


@program(
    "ages of passengers that are missing are imputed within the regression, by obs_mask",
    loss=Trace_ELBO,
    batches=lambda: [(AGE, KNOWN, SURVIVED)],
    mistake="the imputed ages have no site in the guide",
)
def imputed_ages(*, wrong=False):
    def model(age, known, survived=None):
        mean = numpyro.sample("mean", dist.Normal(0, 0.5))
        scale = numpyro.sample("scale", dist.HalfNormal(1.0))
        slope = numpyro.sample("slope", dist.Normal(0, 1))
        with numpyro.plate("passengers", len(known)):
            age = numpyro.sample("age", dist.Normal(mean, scale), obs=age, obs_mask=known)
            numpyro.sample("survived", dist.Bernoulli(logits=slope * age), obs=survived)

    seen = handlers.block(model, hide=["age_unobserved"]) if wrong else model
    return model, AutoNormal(seen)


@program(
    "a likelihood that no distribution has, added as a factor of every row",
    loss=Trace_ELBO,
    batches=lambda: [(TABLE[:, :3], TABLE[:, 3])],
    mistake="the guide is a Normal for a scale that is positive",
)
def likelihood_by_factor(*, wrong=False):
    def model(x, y):
        b = numpyro.sample("b", dist.Normal(0, 1).expand([3]).to_event(1))
        scale = numpyro.sample("scale", dist.HalfCauchy(1.0))
        with numpyro.plate("rows", len(x)):
            residual = (y - x @ b) / scale
            pseudo_huber = jnp.sqrt(1 + residual**2) - 1
            numpyro.factor("robust", -pseudo_huber - jnp.log(scale))

    def guide(x, y):
        loc = numpyro.param("loc", jnp.zeros(3))
        spread = numpyro.param("spread", 0.2 * jnp.ones(3), constraint=constraints.positive)
        numpyro.sample("b", dist.Normal(loc, spread).to_event(1))
        centre = numpyro.param("centre", 0.0)
        numpyro.sample("scale", (dist.Normal if wrong else dist.LogNormal)(centre, 0.2))

    return model, guide


@program(
    "a cheap network's estimate, frozen by stop_gradient, is corrected by the model",
    loss=Trace_ELBO,
    batches=lambda: [(TABLE[:, :3], SURVIVED)],
    mistake="the guide's own parameters are frozen too",
)
def frozen_baseline(*, wrong=False):
    def model(x, y):
        baseline = numpyro.param("baseline", 0.1 * jnp.ones(3))
        start = jax.lax.stop_gradient(x @ baseline)
        with numpyro.plate("rows", len(x)):
            z = numpyro.sample("z", dist.Normal(start, 1.0))
            numpyro.sample("y", dist.Bernoulli(logits=2 * z), obs=y)

    def guide(x, y):
        w = numpyro.param("w", 0.1 * jnp.ones(3))
        shift = numpyro.param("shift", 0.5)
        mean = x @ w + shift * (2 * y - 1)
        if wrong:
            mean = jax.lax.stop_gradient(mean)
        with numpyro.plate("rows", len(x)):
            numpyro.sample("z", dist.Normal(mean, 0.8))

    return model, guide
