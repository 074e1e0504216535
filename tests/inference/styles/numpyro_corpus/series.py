# type: ignore  # as users write them
"""Time series: `scan` with conditioned sites, random walks, states behind the data."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro import handlers
from numpyro.contrib.control_flow import scan
from numpyro.distributions import constraints
from numpyro.infer import Trace_ELBO, TraceMeanField_ELBO
from numpyro.infer.autoguide import AutoDiagonalNormal, AutoNormal

from numpyro_corpus.registry import program

_random = np.random.default_rng(9)
NOISE = _random.normal(size=30)
SERIES = np.cumsum(0.3 * NOISE).astype(np.float32)
RETURNS = (np.exp(SERIES / 4) * _random.normal(size=30)).astype(np.float32)


@program(
    "an autoregression of second order: scan without a plate, its sites conditioned on the data",
    loss=Trace_ELBO,
    batches=lambda: [(SERIES,)],
    mistake="the series is conditioned under a name that no site has",
)
def autoregression(*, wrong=False):
    def model(y):
        a = numpyro.sample("a", dist.Normal(0, 1).expand([2]).to_event(1))
        const = numpyro.sample("const", dist.Normal(0, 1))
        sigma = numpyro.sample("sigma", dist.HalfNormal(1))

        def step(carry, _):
            one, two = carry
            now = numpyro.sample("y", dist.Normal(const + a[0] * one + a[1] * two, sigma))
            return (now, one), now

        with handlers.condition(data={"Y" if wrong else "y": y[2:]}):
            scan(step, (y[1], y[0]), jnp.arange(len(y) - 2))

    return model, AutoNormal(model)


@program(
    "stochastic volatility: a random walk as one site as long as the series, heavy tails",
    loss=Trace_ELBO,
    batches=lambda: [(RETURNS,)],
    mistake="log-volatilities are used as deviations",
)
def stochastic_volatility(*, wrong=False):
    def model(returns):
        step = numpyro.sample("step", dist.Exponential(10.0))
        walk = dist.GaussianRandomWalk(scale=step, num_steps=len(returns))
        s = numpyro.sample("s", walk)
        nu = numpyro.sample("nu", dist.Exponential(0.1))
        scale = s if wrong else jnp.exp(s)
        numpyro.sample("r", dist.StudentT(nu, 0.0, scale), obs=returns)

    return model, AutoDiagonalNormal(model)


PANEL = np.stack([SERIES, -SERIES, SERIES[::-1]], 0)[:, :8]


@program(
    "a linear state space for some series at once, its guide a Gaussian filter of own parameters",
    loss=TraceMeanField_ELBO,
    batches=lambda: [(PANEL,)],
    mistake="states of the guide lie in no plate",
)
def state_space(*, wrong=False):
    def model(y):
        decay = numpyro.param("decay", 0.8, constraint=constraints.unit_interval)

        def step(z, y_t):
            with numpyro.plate("series", len(y)):
                z = numpyro.sample("z", dist.Normal(decay * z, 0.5))
                numpyro.sample("y", dist.Normal(z, 0.3), obs=y_t)
            return z, None

        scan(step, jnp.zeros(len(y)), y.T)

    def guide(y):
        gain = numpyro.param("gain", 0.5, constraint=constraints.unit_interval)
        scale = numpyro.param("scale", 0.3, constraint=constraints.positive)

        def step(z, y_t):
            posterior = dist.Normal(z + gain * (y_t - z), scale)
            if wrong:
                z = numpyro.sample("z", posterior.to_event(1))
            else:
                with numpyro.plate("series", len(y)):
                    z = numpyro.sample("z", posterior)
            return z, None

        scan(step, jnp.zeros(len(y)), y.T)

    return model, guide
