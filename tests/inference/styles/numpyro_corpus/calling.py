# type: ignore  # as users write them
"""Model and guide that are not plain functions of a module that imports NumPyro by name."""

from __future__ import annotations

import functools
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.distributions import constraints
from numpyro.infer import Trace_ELBO, TraceMeanField_ELBO

from numpyro_corpus.registry import program

_random = np.random.default_rng(1)
X = _random.normal(size=(24, 5)).astype(np.float32)
BITS = (_random.random((24, 5)) < 0.4).astype(np.float32)
Y = (X @ np.array([1, -1, 0.5, 0, 0]) + 0.3 * _random.normal(size=24)).astype(np.float32)


class _Factors:
    """A linear decoder; how many latents there are is said at every call."""

    def model(self, x, latents):
        weight = numpyro.param("weight", 0.1 * jnp.ones((latents, x.shape[-1])))
        with numpyro.plate("rows", len(x)):
            z = numpyro.sample("z", dist.Normal(0, 1).expand([latents]).to_event(1))
            numpyro.sample("x", dist.Normal(z @ weight, 0.5).to_event(1), obs=x)

    def guide(self, x, latents, *, wrong=False):
        slope = numpyro.param("slope", 0.1 * jnp.ones((x.shape[-1], latents)))
        spread = numpyro.param("spread", jnp.ones(latents), constraint=constraints.positive)
        posterior = dist.Normal(x @ slope, spread)
        with numpyro.plate("rows", len(x)):
            numpyro.sample("z", posterior if wrong else posterior.to_event(1))


@program(
    "a lambda that fills in a setting, as one does to plot the bound against the latent size",
    loss=Trace_ELBO,
    batches=lambda: [(X,)],
    mistake="the guide forgets .to_event(1)",
)
def lambda_with_a_setting(*, wrong=False):
    m = _Factors()
    return lambda x: m.model(x, 3), lambda x: m.guide(x, 3, wrong=wrong)


@program(
    "functools.partial over closures from a factory of models",
    loss=TraceMeanField_ELBO,
    batches=lambda: [(X, Y)],
    mistake="the guide's weights have one entry less than the model's",
)
def partial_over_closures(*, wrong=False):
    def likelihood(prior, scale, x, y):
        weight = prior()
        with numpyro.plate("rows", len(x)):
            numpyro.sample("y", dist.Normal(x @ weight, scale), obs=y)

    def normal(width, loc, scale):
        return numpyro.sample("weight", dist.Normal(loc, scale).expand([width]).to_event(1))

    def posterior(draw, x, y):
        loc = numpyro.param("loc", 0.0)
        scale = numpyro.param("scale", 0.3, constraint=constraints.positive)
        draw(loc=loc, scale=scale)

    prior = functools.partial(normal, 5, 0.0, 1.0)
    draw = functools.partial(normal, 4 if wrong else 5)
    return functools.partial(likelihood, prior, 0.3), functools.partial(posterior, draw)


@program(
    "a program that is handed its library, as code that runs on either of two does",
    loss=Trace_ELBO,
    batches=lambda: [(BITS[:, 0],)],
    mistake="the guide is Normal where the latent is a probability",
)
def library_by_attribute(*, wrong=False):
    class Coin:
        def __init__(self, ppl, dist):
            self.ppl, self.dist = ppl, dist

        def model(self, tosses):
            bias = self.ppl.sample("bias", self.dist.Beta(2.0, 2.0))
            with self.ppl.plate("tosses", len(tosses)):
                self.ppl.sample("toss", self.dist.Bernoulli(bias), obs=tosses)

        def guide(self, tosses):
            a = self.ppl.param("a", 2.0, constraint=self.dist.constraints.positive)
            b = self.ppl.param("b", 2.0, constraint=self.dist.constraints.positive)
            right = self.dist.Normal if wrong else self.dist.Beta
            self.ppl.sample("bias", right(a, b))

    own = SimpleNamespace(sample=numpyro.sample, plate=numpyro.plate, param=numpyro.param)
    coin = Coin(own, dist)
    return coin.model, coin.guide


@program(
    "bound methods of an object that was made from the data's mean and deviation",
    loss=Trace_ELBO,
    batches=lambda: [(X, Y)],
    mistake="the guide's site has another name than the model's",
)
def bound_methods(*, wrong=False):
    class Regression:
        def __init__(self, x, y):
            self.x_mean, self.x_scale = x.mean(0), x.std(0)
            self.y_mean, self.y_scale = y.mean(), y.std()
            self.prefix = "beta" if wrong else "b"

        def model(self, x, y=None):
            x = (x - self.x_mean) / self.x_scale
            b = numpyro.sample("b", dist.Laplace(0, 1).expand([x.shape[1]]).to_event(1))
            sigma = numpyro.sample("sigma", dist.HalfNormal(1.0))
            with numpyro.plate("rows", x.shape[0]):
                mean = self.y_mean + self.y_scale * (x @ b)
                return numpyro.sample("y", dist.Normal(mean, self.y_scale * sigma), obs=y)

        def guide(self, x, y=None):
            loc = numpyro.param("b_loc", jnp.zeros(x.shape[1]))
            scale = numpyro.param("b_scale", 0.2 * jnp.ones(x.shape[1]), constraint=dist_positive)
            numpyro.sample(self.prefix, dist.Normal(loc, scale).to_event(1))
            centre = numpyro.param("sigma_loc", -1.0)
            numpyro.sample("sigma", dist.LogNormal(centre, 0.2))

    dist_positive = constraints.softplus_positive
    regression = Regression(X, Y)
    return regression.model, regression.guide


@program(
    "objects with __call__ that keep their settings, as a library of priors has them",
    loss=Trace_ELBO,
    batches=lambda: [(X,)],
    mistake="the guide takes the standard deviation for a logarithm and is below zero with it",
)
def callable_objects(*, wrong=False):
    class Probabilistic:
        def __init__(self, scale):
            self.scale = scale

        def __call__(self, x):
            weight = numpyro.param("weight", 0.1 * jnp.ones((2, x.shape[-1])))
            with numpyro.plate("rows", len(x)):
                z = numpyro.sample("z", dist.Normal(jnp.zeros(2), 1).to_event(1))
                numpyro.sample("x", dist.Normal(z @ weight, self.scale).to_event(1), obs=x)

    class Proposal:
        def __call__(self, x):
            slope = numpyro.param("slope", 0.1 * jnp.ones((x.shape[-1], 4)))
            mean, log_scale = jnp.split(x @ slope - 0.5, 2, -1)
            with numpyro.plate("rows", len(x)):
                scale = log_scale if wrong else jnp.exp(log_scale)
                numpyro.sample("z", dist.Normal(mean, scale).to_event(1))

    return Probabilistic(0.5), Proposal()
