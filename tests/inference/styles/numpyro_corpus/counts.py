# type: ignore  # as users write them
"""Counts and totals under guides that are written by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax.example_libraries import stax
from numpyro.distributions import constraints
from numpyro.infer import TraceMeanField_ELBO

from numpyro_corpus.registry import program

_random = np.random.default_rng(4)
DOCUMENTS = _random.poisson(1.5, (20, 8)).astype(np.float32)
VISITS = _random.poisson(3.0, 30).astype(np.int32)
COVARIATE = _random.normal(size=(30, 2)).astype(np.float32)
COUNTRY = np.arange(30) % 3


@program(
    "topics of documents: a Dirichlet posterior of a small network, words by their counts",
    loss=TraceMeanField_ELBO,
    batches=lambda: [(DOCUMENTS[:10],), (DOCUMENTS[10:],)],
    mistake="the guide's proportions are normalised over documents, not over topics",
)
def topics_by_a_network(*, wrong=False):
    init, apply = stax.serial(stax.Dense(6), stax.Softplus, stax.Dense(3))

    def model(counts):
        topics = numpyro.param("topics", jnp.linspace(-1, 1, 24).reshape(3, 8))
        with numpyro.plate("documents", len(counts)):
            theta = numpyro.sample("theta", dist.Dirichlet(0.5 * jnp.ones(3)))
            words = theta @ jax.nn.softmax(topics, -1)
            numpyro.sample("words", dist.Multinomial(counts.sum(-1), words), obs=counts)

    def guide(counts):
        encode = numpyro.module("encode", (init, apply), (counts.shape[1],))
        output = encode(jnp.log1p(counts))
        proportions = jax.nn.softmax(output, 0 if wrong else -1)
        with numpyro.plate("documents", len(counts)):
            numpyro.sample("theta", dist.Dirichlet(0.5 + 5 * proportions))

    return model, guide


@program(
    "a parameter in the guide for each row, kept by position, as for trials that are compared",
    loss=TraceMeanField_ELBO,
    batches=lambda: [(np.full(30, 20, np.int32), VISITS)],
    mistake="the rows' parameters are made for half of the rows",
)
def parameters_by_row(*, wrong=False):
    def model(total, successes):
        prior_a = numpyro.param("prior_a", 2.0, constraint=constraints.positive)
        with numpyro.plate("trials", len(total)):
            rate = numpyro.sample("rate", dist.Beta(prior_a, 5.0))
            numpyro.sample("successes", dist.Binomial(total, rate), obs=successes)

    def guide(total, successes):
        size = len(total) // 2 if wrong else len(total)
        a = numpyro.param("a", 1.5 * jnp.ones(size), constraint=constraints.positive)
        b = numpyro.param("b", 1.5 * jnp.ones(size), constraint=constraints.softplus_positive)
        with numpyro.plate("trials", len(total)):
            numpyro.sample("rate", dist.Beta(a, b))

    return model, guide
