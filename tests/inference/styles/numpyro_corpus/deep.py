# type: ignore  # as users write them
"""Deep latent-variable models with networks in flax, stax and equinox."""

from __future__ import annotations

import equinox as eqx
import flax.linen as linen
import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax.example_libraries import stax
from numpyro import handlers
from numpyro.contrib.module import eqx_module, flax_module
from numpyro.distributions import constraints
from numpyro.distributions.flows import InverseAutoregressiveTransform
from numpyro.infer import Trace_ELBO, TraceMeanField_ELBO
from numpyro.nn import AutoregressiveNN

from numpyro_corpus.registry import program

_random = np.random.default_rng(7)
IMAGES = (_random.random((20, 4, 4)) < 0.4).astype(np.float32)
ROWS = IMAGES.reshape(20, 16)
REAL = _random.normal(size=(24, 3)).astype(np.float32)


@program(
    "an image auto-encoder without any plate: latents and pixels of the batch in one event each",
    loss=Trace_ELBO,
    batches=lambda: [(IMAGES[:10],), (IMAGES[10:],)],
    mistake="the guide's latents have one column more than the model's",
)
def images_without_a_plate(*, wrong=False):
    decode = stax.serial(stax.Dense(8), stax.Tanh, stax.Dense(16))
    encode = stax.serial(stax.Flatten, stax.Dense(8), stax.Tanh, stax.Dense(3 if wrong else 2))

    def model(images):
        n = images.shape[0]
        net = numpyro.module("decoder", decode, (n, 2))
        z = numpyro.sample("z", dist.Normal(jnp.zeros((n, 2)), 1).to_event(2))
        logits = net(z).reshape(images.shape)
        numpyro.sample("obs", dist.Bernoulli(logits=logits).to_event(3), obs=images)

    def guide(images):
        net = numpyro.module("encoder", encode, images.shape)
        numpyro.sample("z", dist.Normal(net(images), 0.5).to_event(2))

    return model, guide


class _Normalised(linen.Module):
    """Dropout and batch normalisation, as networks for images have them."""

    out: int

    @linen.compact
    def __call__(self, x, train):
        x = linen.BatchNorm(use_running_average=not train)(linen.Dense(6)(x))
        x = linen.Dropout(0.1, deterministic=not train)(linen.relu(x))
        return linen.Dense(self.out)(x)


@program(
    "networks in flax with dropout and running averages, the mode as an argument",
    loss=Trace_ELBO,
    batches=lambda: [(ROWS, True)],
    mistake="deviations are the network's output as it is, below zero at times",
)
def dropout_and_averages(*, wrong=False):
    def network(name, out, width, train):
        net = flax_module(
            name,
            _Normalised(out),
            input_shape=(1, width),
            train=train,
            apply_rng=["dropout"],
            mutable=["batch_stats"],
        )
        return lambda x: net(x, train, rngs={"dropout": numpyro.prng_key()})

    def model(x, train):
        decode = network("decoder", 16, 2, train)
        with numpyro.plate("batch", len(x)):
            z = numpyro.sample("z", dist.Normal(0, 1).expand([2]).to_event(1))
            numpyro.sample("x", dist.Bernoulli(logits=decode(z)).to_event(1), obs=x)

    def guide(x, train):
        mean, raw = jnp.split(network("encoder", 4, 16, train)(x), 2, -1)
        with numpyro.plate("batch", len(x)):
            scale = raw if wrong else jax.nn.softplus(raw)
            numpyro.sample("z", dist.Normal(mean, scale).to_event(1))

    return model, guide


@program(
    "equinox networks, a conditional density with its context, means recorded as deterministic",
    loss=TraceMeanField_ELBO,
    batches=lambda: [(REAL[:, :1], REAL)],
    mistake="the encoder normalises its input over the rows of the batch",
)
def conditional_in_equinox(*, wrong=False):
    decoder = eqx.nn.MLP(3, 3, 6, 1, key=jax.random.PRNGKey(0))
    encoder = eqx.nn.Linear(4, 4, key=jax.random.PRNGKey(1))

    def model(given, x=None):
        decode = jax.vmap(eqx_module("decoder", decoder))
        noise = numpyro.param("noise", 1.0, constraint=constraints.positive)
        with numpyro.plate("rows", len(given)):
            z = numpyro.sample("z", dist.Normal(0, 1).expand([2]).to_event(1))
            mean = decode(jnp.concatenate([given, z], -1))
            numpyro.deterministic("mean", mean)
            return numpyro.sample("x", dist.Normal(mean, noise).to_event(1), obs=x)

    def guide(given, x=None):
        encode = jax.vmap(eqx_module("encoder", encoder))
        both = jnp.concatenate([given, x], -1)
        if wrong:
            both = jax.nn.softmax(both, 0)
        mean, log_scale = jnp.split(encode(both), 2, -1)
        with numpyro.plate("rows", len(given)):
            numpyro.sample("z", dist.Normal(mean, jnp.exp(log_scale)).to_event(1))

    return model, guide


@program(
    "an inverse autoregressive flow behind the encoder's Normal",
    loss=Trace_ELBO,
    batches=lambda: [(ROWS,)],
    mistake="the flow ends in an exponential, so that half of the latent's line is never proposed",
)
def flow_behind_the_encoder(*, wrong=False):
    arn = AutoregressiveNN(2, [4], skip_connections=True)

    def model(x):
        weight = numpyro.param("weight", jnp.linspace(-1, 1, 32).reshape(2, 16))
        with numpyro.plate("rows", len(x)):
            z = numpyro.sample("z", dist.Normal(0, 1).expand([2]).to_event(1))
            numpyro.sample("x", dist.Bernoulli(logits=z @ weight).to_event(1), obs=x)

    def guide(x):
        flow = InverseAutoregressiveTransform(numpyro.module("flow", arn, (2,)))
        slope = numpyro.param("slope", 0.1 * jnp.ones((16, 2)))
        base = dist.Normal(x @ slope, 0.8)
        with numpyro.plate("rows", len(x)):
            steps = [flow, dist.transforms.ExpTransform()] if wrong else [flow]
            numpyro.sample("z", dist.TransformedDistribution(base.to_event(1), steps))

    return model, guide


@program(
    "the divergence's weight rises from batch to batch: a number beside the data, as a scale",
    loss=TraceMeanField_ELBO,
    batches=lambda: [(ROWS[:10], 0.2), (ROWS[10:], 0.6), (ROWS[5:15], 1.0)],
    mistake="the guide returns its mean and draws nothing",
)
def annealed_divergence(*, wrong=False):
    def model(x, beta):
        decode = flax_module("decoder", linen.Dense(16), input_shape=(2,))
        with numpyro.plate("rows", len(x)):
            with handlers.scale(scale=beta):
                z = numpyro.sample("z", dist.Normal(0, 1).expand([2]).to_event(1))
            numpyro.sample("x", dist.Bernoulli(logits=decode(z)).to_event(1), obs=x)

    def guide(x, beta):
        encode = flax_module("encoder", linen.Dense(4), input_shape=(16,))
        mean, log_scale = jnp.split(encode(x), 2, -1)
        if wrong:
            return mean
        with numpyro.plate("rows", len(x)), handlers.scale(scale=beta):
            return numpyro.sample("z", dist.Normal(mean, jnp.exp(log_scale)).to_event(1))

    return model, guide


@program(
    "a generator that observes nothing: it draws, and its guide says what was behind the data",
    loss=Trace_ELBO,
    batches=lambda: [(REAL,)],
    mistake="the guide draws more columns of noise than the generator takes",
)
def generator(*, wrong=False):
    net = linen.Dense(3)

    def model(x=None, *, size=1):
        size = size if x is None else len(x)
        generate = flax_module("generator", net, input_shape=(2,))
        with numpyro.plate("rows", size):
            noise = numpyro.sample("noise", dist.Normal(0, 1).expand([2]).to_event(1))
            return numpyro.deterministic("draw", jnp.tanh(generate(noise)))

    def guide(x):
        slope = numpyro.param("slope", 0.1 * jnp.ones((3, 3 if wrong else 2)))
        with numpyro.plate("rows", len(x)):
            numpyro.sample("noise", dist.Normal(x @ slope, 0.5).to_event(1))

    return model, guide
