# type: ignore  # as users write them
"""Discrete latents that upstream's loss sums over."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro import handlers
from numpyro.contrib.control_flow import scan
from numpyro.contrib.funsor import config_enumerate
from numpyro.infer import TraceEnum_ELBO
from numpyro.infer.autoguide import AutoDelta, AutoNormal

from numpyro_corpus.registry import program

_random = np.random.default_rng(6)
KIND = np.arange(30) % 2
SIZE = (3.0 * KIND[:, None] + _random.normal(size=(30, 2))).astype(np.float32)
SEEDS = _random.poisson(2 + 4 * KIND).astype(np.int32)


@program(
    "a mixture that measures two things of every specimen, marked by config_enumerate",
    loss=TraceEnum_ELBO,
    batches=lambda: [(SIZE, SEEDS)],
    mistake="the measurements are not declared one event for each specimen",
)
def mixture_of_two_arrays(*, wrong=False):
    @config_enumerate
    def model(size, seeds):
        weights = numpyro.sample("weights", dist.Dirichlet(jnp.ones(2)))
        with numpyro.plate("kinds", 2):
            centre = numpyro.sample("centre", dist.Normal(jnp.zeros(2), 5).to_event(1))
            rate = numpyro.sample("rate", dist.Gamma(2, 0.5))
        with numpyro.plate("specimens", len(size)):
            kind = numpyro.sample("kind", dist.Categorical(weights))
            normal = dist.Normal(centre[kind], 1)
            numpyro.sample("size", normal if wrong else normal.to_event(1), obs=size)
            numpyro.sample("seeds", dist.Poisson(rate[kind]), obs=seeds)

    return model, AutoNormal(handlers.block(model, hide=["kind"]))


CHAINS = _random.integers(0, 3, (6, 8))
CHAIN_LENGTHS = np.array([8, 8, 7, 6, 5, 4])


@program(
    "hidden Markov chains of unequal length: scan over time, states summed out, a point for rest",
    loss=TraceEnum_ELBO,
    batches=lambda: [(CHAINS, CHAIN_LENGTHS)],
    mistake="rows of the transition matrix are positive and do not sum to one",
)
def hidden_markov(*, wrong=False):
    def model(chains, lengths):
        with numpyro.plate("from", 2):
            change = numpyro.sample("change", dist.Dirichlet(jnp.array([2.0, 1.0])))
            emit = numpyro.sample("emit", dist.Dirichlet(jnp.ones(3)))

        def step(carry, now):
            x, t = now
            before = carry
            mask = (t < lengths)[..., None]
            with numpyro.plate("chains", len(lengths), dim=-2), handlers.mask(mask=mask):
                probs = 3 * change[before] if wrong else change[before]
                infer = {"enumerate": "parallel"}
                z = numpyro.sample("z", dist.Categorical(probs), infer=infer)
                numpyro.sample("x", dist.Categorical(emit[z]), obs=x[:, None])
            return z, None

        start = jnp.zeros((len(lengths), 1), jnp.int32)
        scan(step, start, (chains.T, jnp.arange(chains.shape[1])))

    return model, AutoDelta(handlers.block(model, hide=["z"]))


MARKS = _random.integers(0, 3, (24, 3))
TRUE = np.arange(24) % 3
MARKS = np.where(_random.random((24, 3)) < 0.7, TRUE[:, None], MARKS)


DIGITS = (_random.random((20, 6)) < np.where(KIND[:20, None] == 1, 0.8, 0.2)).astype(np.float32)


@program(
    "a label that is data in one batch and a latent, summed over, in the next",
    loss=TraceEnum_ELBO,
    batches=lambda: [(DIGITS[:10], KIND[:10]), (DIGITS[10:], None)],
    mistake="the guide draws the label also where it is known, under another name",
)
def labels_now_and_then(*, wrong=False):
    def model(x, y=None):
        weight = numpyro.param("weight", 0.1 * jnp.ones((2, 6)))
        offset = numpyro.param("offset", jnp.linspace(-1, 1, 12).reshape(2, 6))
        with numpyro.plate("rows", len(x)):
            y = numpyro.sample("y", dist.Categorical(jnp.ones(2) / 2), obs=y)
            z = numpyro.sample("z", dist.Normal(0, 1).expand([2]).to_event(1))
            logits = z @ weight + offset[y]
            numpyro.sample("x", dist.Bernoulli(logits=logits).to_event(1), obs=x)

    def guide(x, y=None):
        classify = numpyro.param("classify", 0.1 * jnp.ones((6, 2)))
        encode = numpyro.param("encode", jnp.linspace(-1, 1, 12).reshape(6, 2))
        with numpyro.plate("rows", len(x)):
            if y is None or wrong:
                infer = {"enumerate": "parallel"}
                name = "label" if wrong else "y"
                numpyro.sample(name, dist.Categorical(logits=x @ classify), infer=infer)
            numpyro.sample("z", dist.Normal(x @ encode, 0.7).to_event(1))

    return model, guide
