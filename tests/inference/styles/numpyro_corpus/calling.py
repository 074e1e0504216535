# type: ignore  # as users write them
"""Model and guide that are methods or objects."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.distributions import constraints
from numpyro.infer import Trace_ELBO

from numpyro_corpus.registry import program

_random = np.random.default_rng(1)
X = _random.normal(size=(24, 5)).astype(np.float32)
BITS = (_random.random((24, 5)) < 0.4).astype(np.float32)
Y = (X @ np.array([1, -1, 0.5, 0, 0]) + 0.3 * _random.normal(size=24)).astype(np.float32)


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
