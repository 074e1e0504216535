# type: ignore  # as users write them, without types: upstream's stubs refuse half of it
"""Pairs as people write them in NumPyro: one tiny program for each style of its examples.

A style builds a fresh `(pair, batch, loss)`: `loss` is the one of `numpyro.infer` that such
programs are trained with, and `batch` the arguments of every step.
"""

from __future__ import annotations

import functools
from typing import Any

import flax.linen as linen
import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from flax import nnx
from jax.example_libraries import stax
from numpyro import handlers
from numpyro.contrib.control_flow import scan
from numpyro.contrib.module import eqx_module, flax_module, nnx_module
from numpyro.distributions import constraints
from numpyro.infer import Trace_ELBO, TraceEnum_ELBO, TraceGraph_ELBO, TraceMeanField_ELBO
from numpyro.infer.autoguide import (
    AutoDelta,
    AutoGuideList,
    AutoMultivariateNormal,
    AutoNormal,
)
from numpyro.infer.reparam import LocScaleReparam

ROWS, WIDTH, LABELS = 8, 4, 3
_random = np.random.default_rng(0)
BINARY = (_random.random((ROWS, WIDTH)) < 0.4).astype(np.float32)
REAL = _random.normal(size=(ROWS, WIDTH)).astype(np.float32)
COUNTS = _random.integers(0, 5, (ROWS, WIDTH)).astype(np.float32)
ONE_HOT = np.eye(LABELS, dtype=np.float32)[np.arange(ROWS) % LABELS]
EFFECT = np.array([28, 8, -3, 7, -1, 1, 18, 12], np.float32)
ERROR = np.array([15, 10, 16, 11, 9, 11, 10, 18], np.float32)


class Coder(linen.Module):
    """A network of flax linen."""

    width: int

    @linen.compact
    def __call__(self, x):
        return linen.Dense(self.width)(x)


def flax_vae():
    """`flax_module` in both programs, under names of their own."""

    def model(batch):
        decoder = flax_module("decoder", Coder(WIDTH), input_shape=(2,))
        with numpyro.plate("batch", batch.shape[0]):
            z = numpyro.sample("z", dist.Normal(0, 1).expand([2]).to_event(1))
            logits = decoder(z)
            return numpyro.sample("obs", dist.Bernoulli(logits=logits).to_event(1), obs=batch)

    def guide(batch):
        encoder = flax_module("encoder", Coder(4), input_shape=(WIDTH,))
        mean, log_scale = jnp.split(encoder(batch), 2, -1)
        with numpyro.plate("batch", batch.shape[0]):
            numpyro.sample("z", dist.Normal(mean, jnp.exp(log_scale)).to_event(1))

    return (model, guide), (BINARY,), Trace_ELBO()


def stax_conditional_vae():
    """`numpyro.module` with networks of pairs of functions; a condition beside the data."""

    def model(given, x):
        net = numpyro.module("decoder", stax.Dense(WIDTH), (ROWS, 2 + LABELS))
        with numpyro.plate("batch", len(x)):
            z = numpyro.sample("z", dist.Normal(0, 1).expand([2]).to_event(1))
            mean = net(jnp.concatenate([z, given], -1))
            numpyro.sample("x", dist.Normal(mean, 0.5).to_event(1), obs=x)

    def guide(given, x):
        net = numpyro.module(
            "encoder", stax.serial(stax.Dense(4), stax.Tanh), (ROWS, WIDTH + LABELS)
        )
        mean, log_scale = jnp.split(net(jnp.concatenate([x, given], -1)), 2, -1)
        with numpyro.plate("batch", len(x)):
            numpyro.sample("z", dist.Normal(mean, jnp.exp(log_scale)).to_event(1))

    return (model, guide), (ONE_HOT, REAL), Trace_ELBO()


def nnx_vae():
    """`nnx_module` with networks made outside, one with state of batch normalisation."""

    class Encoder(nnx.Module):
        def __init__(self, rngs):
            self.first, self.last = nnx.Linear(WIDTH, 4, rngs=rngs), nnx.Linear(4, 4, rngs=rngs)
            self.norm = nnx.BatchNorm(4, rngs=rngs)

        def __call__(self, x):
            return self.last(self.norm(self.first(x)))

    encoder, decoder = Encoder(nnx.Rngs(0)), nnx.Linear(2, WIDTH, rngs=nnx.Rngs(1))

    def model(x):
        decode = nnx_module("decoder", decoder)
        with numpyro.plate("data", len(x)):
            z = numpyro.sample("z", dist.Normal(0, 1).expand([2]).to_event(1))
            numpyro.sample("x", dist.Bernoulli(logits=decode(z)).to_event(1), obs=x)

    def guide(x):
        mean, log_scale = jnp.split(nnx_module("encoder", encoder)(x), 2, -1)
        with numpyro.plate("data", len(x)):
            numpyro.sample("z", dist.Normal(mean, jnp.exp(log_scale)).to_event(1))

    return (model, guide), (BINARY,), TraceMeanField_ELBO()


def equinox_vae():
    """`eqx_module`: the networks are trees of arrays."""
    import equinox as eqx

    def model(x):
        decode = eqx_module("decoder", eqx.nn.Linear(2, WIDTH, key=jax.random.PRNGKey(0)))
        with numpyro.plate("data", len(x)):
            z = numpyro.sample("z", dist.Normal(0, 1).expand([2]).to_event(1))
            logits = jax.vmap(decode)(z)
            numpyro.sample("x", dist.Bernoulli(logits=logits).to_event(1), obs=x)

    def guide(x):
        encode = eqx_module("encoder", eqx.nn.Linear(WIDTH, 4, key=jax.random.PRNGKey(1)))
        mean, log_scale = jnp.split(jax.vmap(encode)(x), 2, -1)
        with numpyro.plate("data", len(x)):
            numpyro.sample("z", dist.Normal(mean, jnp.exp(log_scale)).to_event(1))

    return (model, guide), (BINARY,), Trace_ELBO()


class Topics(linen.Module):
    """Dropout and batch normalisation, whose state is carried from step to step."""

    width: int

    @linen.compact
    def __call__(self, x, is_training):
        x = linen.Dropout(0.2, deterministic=not is_training)(linen.Dense(self.width)(x))
        norm = linen.BatchNorm(use_running_average=not is_training, use_bias=False, use_scale=False)
        return norm(x)


def prod_lda():
    """`flax_module` with `mutable` and `apply_rng`; counts; hyperparameters by keyword."""

    def network(name, width, inputs, is_training):
        net = flax_module(
            name,
            Topics(width),
            input_shape=(1, inputs),
            apply_rng=["dropout"],
            mutable=["batch_stats"],
            is_training=is_training,
        )
        key = numpyro.prng_key()
        return lambda x: net(x, is_training, rngs={"dropout": key})

    def model(docs, hyperparams=None, is_training=True):
        decoder = network("decoder", WIDTH, hyperparams["topics"], is_training)
        with numpyro.plate("documents", docs.shape[0]):
            logtheta = numpyro.sample("logtheta", dist.Normal(0, 1).expand([2]).to_event(1))
            words = jax.nn.softmax(decoder(jax.nn.softmax(logtheta)))
            total = docs.sum(-1)
            numpyro.sample("obs", dist.Multinomial(total, words), obs=docs)

    def guide(docs, hyperparams=None, is_training=True):
        encoder = network("encoder", 2 * hyperparams["topics"], WIDTH, is_training)
        mean, log_variance = jnp.split(encoder(docs), 2, -1)
        with numpyro.plate("documents", docs.shape[0]):
            normal = dist.Normal(mean, jnp.exp(0.5 * log_variance))
            numpyro.sample("logtheta", normal.to_event(1))

    bound = {"hyperparams": {"topics": 2}}
    programs = functools.partial(model, **bound), functools.partial(guide, **bound)
    return programs, (COUNTS,), TraceMeanField_ELBO()


def deep_markov():
    """`scan` over time in both programs, unequal lengths by a mask, observed sites within."""

    def model(x, mask):
        net = flax_module("transition", Coder(4), input_shape=(2,))
        emission = numpyro.param("emission", 0.5 * jnp.ones(2))

        def transition(z, now):
            x_t, on = now
            mean, log_scale = jnp.split(net(z), 2, -1)
            with numpyro.plate("data", len(x)), handlers.mask(mask=on):
                z = numpyro.sample("z", dist.Normal(mean, jax.nn.softplus(log_scale)).to_event(1))
                numpyro.sample("x", dist.Bernoulli(logits=z @ emission), obs=x_t)
            return z, None

        scan(transition, jnp.zeros((len(x), 2)), (x.T, mask.T))

    def guide(x, mask):
        net = flax_module("combiner", Coder(4), input_shape=(3,))

        def transition(z, now):
            x_t, on = now
            mean, log_scale = jnp.split(net(jnp.concatenate([z, x_t[:, None]], -1)), 2, -1)
            with numpyro.plate("data", len(x)), handlers.mask(mask=on):
                z = numpyro.sample("z", dist.Normal(mean, jax.nn.softplus(log_scale)).to_event(1))
            return z, None

        scan(transition, jnp.zeros((len(x), 2)), (x.T, mask.T))

    mask = np.arange(WIDTH) < np.array([4, 4, 3, 3, 2, 2, 1, 4])[:, None]
    return (model, guide), (BINARY, mask), Trace_ELBO()


def semi_supervised():
    """A label for some rows, by `mask`; where there is none it is a draw of the guide's."""

    def model(x, y, known):
        weight = numpyro.param(
            "weight", {"z": jnp.ones((2, WIDTH)), "y": jnp.ones((LABELS, WIDTH))}
        )
        with numpyro.plate("data", len(x)):
            z = numpyro.sample("z", dist.Normal(0, 1).expand([2]).to_event(1))
            prior = dist.Categorical(logits=jnp.zeros(LABELS))
            label = numpyro.sample("label", prior.mask(~known))
            chosen = jnp.where(known, y, label)
            logits = z @ weight["z"] + weight["y"][chosen]
            numpyro.sample("x", dist.Bernoulli(logits=logits).to_event(1), obs=x)

    def guide(x, y, known):
        slope = numpyro.param("slope", {"z": jnp.ones((WIDTH, 2)), "y": jnp.ones((WIDTH, LABELS))})
        with numpyro.plate("data", len(x)):
            logits = dist.Categorical(logits=x @ slope["y"])
            numpyro.sample("label", logits.mask(~known))
            numpyro.sample("z", dist.Normal(x @ slope["z"], 0.5).to_event(1))

    labels = np.arange(ROWS) % LABELS
    return (model, guide), (BINARY, labels, np.arange(ROWS) < 3), TraceGraph_ELBO()


def semi_supervised_enumerated():
    """A label that the guide sums over, where a row has none."""

    def model(x):
        weight = numpyro.param("weight", 0.1 * jnp.ones((2, WIDTH)))
        offset = numpyro.param("offset", jnp.linspace(-1, 1, LABELS * WIDTH).reshape(LABELS, WIDTH))
        with numpyro.plate("data", len(x)):
            label = numpyro.sample("label", dist.Categorical(logits=jnp.zeros(LABELS)))
            z = numpyro.sample("z", dist.Normal(0, 1).expand([2]).to_event(1))
            logits = z @ weight + offset[label]
            numpyro.sample("x", dist.Bernoulli(logits=logits).to_event(1), obs=x)

    def guide(x):
        slope = numpyro.param("slope", jnp.linspace(-1, 1, WIDTH * LABELS).reshape(WIDTH, LABELS))
        with numpyro.plate("data", len(x)):
            infer = {"enumerate": "parallel"}
            numpyro.sample("label", dist.Categorical(logits=x @ slope), infer=infer)
            numpyro.sample("z", dist.Normal(x @ slope[:, :2], 0.5).to_event(1))

    return (model, guide), (BINARY,), TraceEnum_ELBO()


TOPICS, VOCABULARY, WORDS = 2, 5, 6
DOCUMENTS = _random.integers(0, VOCABULARY, (ROWS, WORDS))


def amortised_lda():
    """Global topics, words in a plate within that of documents, a network for their topics."""

    def model(docs):
        with numpyro.plate("topics", TOPICS):
            words = numpyro.sample("topic_words", dist.Dirichlet(jnp.ones(VOCABULARY)))
        with numpyro.plate("documents", len(docs), dim=-2):
            prior = dist.Dirichlet(jnp.ones(TOPICS))
            topics = numpyro.sample("doc_topics", prior)
            with numpyro.plate("words", WORDS, dim=-1):
                infer = {"enumerate": "parallel"}
                topic = numpyro.sample("word_topics", dist.Categorical(topics), infer=infer)
                numpyro.sample("doc_words", dist.Categorical(words[topic]), obs=docs)

    def guide(docs):
        concentration = numpyro.param(
            "words_posterior",
            jnp.ones((TOPICS, VOCABULARY)),
            constraint=constraints.greater_than(0.5),
        )
        predict = flax_module("predictor", Coder(TOPICS), input_shape=(VOCABULARY,))
        with numpyro.plate("topics", TOPICS):
            numpyro.sample("topic_words", dist.Dirichlet(concentration))
        counts = jax.nn.one_hot(docs, VOCABULARY).sum(1)
        with numpyro.plate("documents", len(docs), dim=-2):
            topics = jax.nn.softmax(predict(counts))[:, None]
            numpyro.sample("doc_topics", dist.Delta(topics, event_dim=1))

    return (model, guide), (DOCUMENTS,), TraceEnum_ELBO()


def sparse_gamma_def():
    """Global and local Gamma priors; the guide has parameters for each datum, by position."""

    def model(x):
        with numpyro.plate("topics", 3), numpyro.plate("words", WIDTH):
            w = numpyro.sample("w", dist.Gamma(0.1, 0.3))
        with numpyro.plate("data", len(x)):
            z = numpyro.sample("z", dist.Gamma(jnp.full(3, 0.1), 0.1).to_event(1))
            numpyro.sample("obs", dist.Poisson(z @ w.T).to_event(1), obs=x)

    def positive(name, *shape):
        def near_one(key):
            return 1 + jax.random.uniform(key, shape)

        mean = numpyro.param(f"{name}_mean", near_one, constraint=constraints.positive)
        spread = numpyro.param(f"{name}_spread", near_one, constraint=constraints.softplus_positive)
        return dist.LogNormal(jnp.log(mean), spread)

    def guide(x):
        with numpyro.plate("topics", 3), numpyro.plate("words", WIDTH):
            numpyro.sample("w", positive("w", WIDTH, 3))
        with numpyro.plate("data", len(x)):
            numpyro.sample("z", positive("z", len(x), 3).to_event(1))

    return (model, guide), (COUNTS,), TraceMeanField_ELBO()


def mixture():
    """Assignments summed out of the model, a point estimate of the rest."""

    def model(data):
        weights = numpyro.param("weights", jnp.ones(2) / 2, constraint=constraints.simplex)
        with numpyro.plate("components", 2):
            locs = numpyro.sample("locs", dist.Normal(0, 10))
        with numpyro.plate("data", len(data)):
            infer = {"enumerate": "parallel"}
            assignment = numpyro.sample("assignment", dist.Categorical(weights), infer=infer)
            numpyro.sample("obs", dist.Normal(locs[assignment], 5.0), obs=data)

    guide = AutoDelta(handlers.block(model, hide=["assignment"]))
    return (model, guide), (EFFECT,), TraceEnum_ELBO()


def bayesian_regression():
    """An autoguide whose start is drawn; the scale is a parameter of the model."""

    def model(x, y=None):
        weight = numpyro.sample("weight", dist.Normal(0, 1).expand([WIDTH]).to_event(1))
        scale = numpyro.param("scale", 1.0, constraint=constraints.positive)
        with numpyro.plate("data", len(x)):
            numpyro.sample("obs", dist.Normal(x @ weight, scale), obs=y)

    return (model, AutoMultivariateNormal(model)), (REAL, EFFECT), Trace_ELBO()


def schools(y, error):
    mu = numpyro.sample("mu", dist.Normal(0, 5))
    tau = numpyro.sample("tau", dist.HalfCauchy(5))
    with numpyro.plate("J", len(y)):
        theta = numpyro.sample("theta", dist.Normal(mu, tau))
        numpyro.sample("obs", dist.Normal(theta, error), obs=y)


def eight_schools():
    """A factor of the guide for each school, so that the order of the schools matters."""
    return (schools, AutoNormal(schools)), (EFFECT, ERROR), Trace_ELBO()


def list_of_guides():
    """Parts of the latents to guides of different kinds, the prior tempered by `scale`."""

    def model(y, error):
        with handlers.scale(scale=0.5):
            mu = numpyro.sample("mu", dist.Normal(0, 5))
        with numpyro.plate("J", len(y)):
            theta = numpyro.sample("theta", dist.Normal(mu, 5.0))
            numpyro.sample("obs", dist.Normal(theta, error), obs=y)

    guide = AutoGuideList(model)
    guide.append(AutoDelta(handlers.block(model, hide=["theta"])))
    guide.append(AutoNormal(handlers.block(model, hide=["mu"])))
    return (model, guide), (EFFECT, ERROR), Trace_ELBO()


def eight_schools_not_centred():
    """Reparameterised by a handler around the model, and the plate subsampled inside of it."""

    def model(y, error):
        mu = numpyro.sample("mu", dist.Normal(0, 5))
        with numpyro.plate("J", len(y), subsample_size=5) as rows:
            theta = numpyro.sample("theta", dist.Normal(mu, 5.0))
            numpyro.sample("obs", dist.Normal(theta, error[rows]), obs=y[rows])

    model = handlers.reparam(model, config={"theta": LocScaleReparam(0)})
    guide = AutoNormal(
        model, create_plates=lambda y, error: numpyro.plate("J", len(y), subsample_size=5)
    )
    return (model, guide), (EFFECT, ERROR), Trace_ELBO()


STYLES: tuple[Any, ...] = (
    flax_vae,
    stax_conditional_vae,
    nnx_vae,
    equinox_vae,
    prod_lda,
    deep_markov,
    semi_supervised,
    semi_supervised_enumerated,
    amortised_lda,
    sparse_gamma_def,
    mixture,
    bayesian_regression,
    list_of_guides,
    eight_schools_not_centred,
)
