# type: ignore  # as users write them
"""Priors over the weights of networks and over functions."""

from __future__ import annotations

import flax.linen as linen
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from flax import nnx
from numpyro.contrib.module import nnx_module, random_flax_module
from numpyro.infer import Trace_ELBO, TraceMeanField_ELBO
from numpyro.infer.autoguide import AutoMultivariateNormal, AutoNormal

from numpyro_corpus.registry import program

_random = np.random.default_rng(8)
X = np.linspace(-2, 2, 24).astype(np.float32)
Y = (np.cos(X) + 0.1 * _random.normal(size=24)).astype(np.float32)
COLUMNS = np.stack([X, X**2, np.ones_like(X)], -1)


@program(
    "a Bayesian network by hand: weight matrices and the noise's precision, no plate anywhere",
    loss=Trace_ELBO,
    batches=lambda: [(COLUMNS, Y[:, None], 4)],
    mistake="the outcome is a row against a column, so that data spread to a square",
)
def weight_matrices(*, wrong=False):
    def model(x, y, hidden):
        width = x.shape[1]
        w1 = numpyro.sample("w1", dist.Normal(jnp.zeros((width, hidden)), 1))
        w2 = numpyro.sample("w2", dist.Normal(jnp.zeros((hidden, 1)), 1))
        precision = numpyro.sample("precision", dist.Gamma(3.0, 1.0))
        mean = jnp.tanh(x @ w1) @ w2
        y = y[:, 0] if wrong else y
        numpyro.sample("y", dist.Normal(mean, precision**-0.5), obs=y)

    return model, AutoNormal(model, init_scale=0.05)


class _Net(linen.Module):
    @linen.compact
    def __call__(self, x):
        x = linen.tanh(linen.Dense(3)(x[..., None]))
        return linen.Dense(1)(x)[..., 0]


@program(
    "a prior over a flax module's weights, rows subsampled by the model on request",
    loss=TraceMeanField_ELBO,
    batches=lambda: [{"x": X, "y": Y, "batch_size": 8}],
    mistake="the outcome is not cut to the plate's rows",
)
def random_weights(*, wrong=False):
    def model(x, y=None, batch_size=None):
        net = random_flax_module("nn", _Net(), dist.Normal(0, 1), input_shape=())
        sigma = numpyro.sample("sigma", dist.LogNormal(-1, 0.5))
        with numpyro.plate("batch", x.shape[0], subsample_size=batch_size):
            rows = numpyro.subsample(x, event_dim=0)
            if y is not None and not wrong:
                y = numpyro.subsample(y, event_dim=0)
            numpyro.sample("obs", dist.Normal(net(rows), sigma), obs=y)

    return model, AutoNormal(model)


@program(
    "a network in flax nnx between a latent factor and the data, made by the caller",
    loss=Trace_ELBO,
    batches=lambda: [(COLUMNS,)],
    mistake="the guide's latent is detached from its parameters: it is given the prior's",
)
def factor_in_nnx(*, wrong=False):
    decoder = nnx.Linear(1, 3, rngs=nnx.Rngs(0))
    encoder = nnx.Linear(3, 1, rngs=nnx.Rngs(1))

    def model(x):
        decode = nnx_module("decoder", decoder)
        with numpyro.plate("rows", len(x)):
            z = numpyro.sample("z", dist.Normal(0, 1).expand([1]).to_event(1))
            numpyro.sample("x", dist.Normal(decode(z), 0.5).to_event(1), obs=x)

    def guide(x):
        encode = nnx_module("encoder", encoder)
        mean = encode(x)
        if wrong:
            mean = jnp.zeros_like(mean)
        with numpyro.plate("rows", len(x)):
            numpyro.sample("z", dist.Normal(mean, 0.7).to_event(1))

    return model, guide


@program(
    "a Gaussian process: kernel parameters by hand, one multivariate Normal for all rows",
    loss=Trace_ELBO,
    batches=lambda: [(X, Y)],
    mistake="the kernel is given as the Cholesky factor",
)
def gaussian_process(*, wrong=False):
    def model(x, y=None):
        variance = numpyro.sample("variance", dist.LogNormal(0.0, 1.0))
        length = numpyro.sample("length", dist.LogNormal(0.0, 1.0))
        noise = numpyro.sample("noise", dist.LogNormal(-1.0, 1.0))
        squared = ((x[:, None] - x) / length) ** 2
        kernel = variance * jnp.exp(-0.5 * squared) + (noise + 1e-3) * jnp.eye(len(x))
        how = {"scale_tril": kernel} if wrong else {"covariance_matrix": kernel}
        numpyro.sample("y", dist.MultivariateNormal(jnp.zeros(len(x)), **how), obs=y)

    return model, AutoMultivariateNormal(model)
