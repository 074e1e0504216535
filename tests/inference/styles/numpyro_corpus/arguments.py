# type: ignore  # as users write them
"""Programs whose arguments are not all arrays with a row for each datum."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro import handlers
from numpyro.distributions import constraints
from numpyro.infer import Trace_ELBO, TraceMeanField_ELBO
from numpyro.infer.autoguide import AutoLowRankMultivariateNormal

from numpyro_corpus.registry import program

_random = np.random.default_rng(2)
X = np.linspace(-1, 1, 30).astype(np.float32)
Y = (np.sin(2 * X) + 0.1 * _random.normal(size=30)).astype(np.float32)


@program(
    "floats, whole numbers and None beside the data, as the arguments of a tutorial's model",
    loss=Trace_ELBO,
    batches=lambda: [(X, Y, 2, 0.2, None)],
    mistake="the guide's degree is one less",
)
def numbers_and_none(*, wrong=False):
    def model(x, y, degree, noise, weights):
        powers = x[:, None] ** jnp.arange(degree + 1)
        w = numpyro.sample("w", dist.Normal(0, 1).expand([degree + 1]).to_event(1))
        if weights is None:
            weights = jnp.ones(len(x))
        with numpyro.plate("rows", len(x)), handlers.scale(scale=weights):
            numpyro.sample("y", dist.Normal(powers @ w, noise), obs=y)

    def guide(x, y, degree, noise, weights):
        size = degree if wrong else degree + 1
        loc = numpyro.param("loc", jnp.zeros(size))
        scale = numpyro.param("scale", jnp.full(size, noise), constraint=constraints.positive)
        numpyro.sample("w", dist.Normal(loc, scale).to_event(1))

    return model, guide


HITS = _random.binomial(20, 0.3, 25).astype(np.int32)
DOSE = _random.normal(size=25).astype(np.float32)


@program(
    "a link function that is chosen by a string",
    loss=Trace_ELBO,
    batches=lambda: [("probit", DOSE, 20, HITS)],
    mistake="the logit is given as the probability",
)
def string_argument(*, wrong=False):
    def model(link, dose, total, hits=None):
        a = numpyro.sample("a", dist.Normal(0, 1))
        b = numpyro.sample("b", dist.Normal(0, 1))
        response = a + b * dose
        links = {"logit": jax.nn.sigmoid, "probit": jax.scipy.stats.norm.cdf}
        with numpyro.plate("trials", len(dose)):
            probs = response if wrong else links[link](response)
            numpyro.sample("hits", dist.Binomial(total, probs=probs), obs=hits)

    return model, AutoLowRankMultivariateNormal(model, rank=1)


GROUP = np.repeat(np.arange(6), 5)
SCORE = (GROUP * 0.4 + _random.normal(size=30)).astype(np.float32)


@program(
    "all data in one dictionary, arrays and sizes together, as a translation from Stan",
    loss=TraceMeanField_ELBO,
    batches=lambda: [({"J": 6, "group": GROUP, "y": SCORE},)],
    mistake="the guide has no site for the deviation between groups",
)
def dictionary_of_data(*, wrong=False):
    def model(data):
        mu = numpyro.sample("mu", dist.Normal(0, 3))
        tau = numpyro.sample("tau", dist.LogNormal(0, 1))
        with numpyro.plate("groups", data["J"]):
            theta = numpyro.sample("theta", dist.Normal(mu, tau))
        with numpyro.plate("rows", len(data["y"])):
            numpyro.sample("y", dist.Normal(theta[data["group"]], 1.0), obs=data["y"])

    def guide(data):
        def normal(name, shape=()):
            loc = numpyro.param(f"{name}_loc", jnp.zeros(shape))
            scale = numpyro.param(
                f"{name}_scale", 0.3 * jnp.ones(shape), constraint=constraints.positive
            )
            return loc, scale

        numpyro.sample("mu", dist.Normal(*normal("mu")))
        if not wrong:
            numpyro.sample("tau", dist.LogNormal(*normal("tau")))
        with numpyro.plate("groups", data["J"]):
            numpyro.sample("theta", dist.Normal(*normal("theta", (data["J"],))))

    return model, guide


RAGGED = [_random.normal(k, 1, size).astype(np.float32) for k, size in enumerate((5, 9, 7, 12))]


@program(
    "a list of arrays of unequal length, a plate for each, as one writes before knowing padding",
    loss=Trace_ELBO,
    batches=lambda: [(RAGGED,)],
    mistake="every plate has the first group's size",
)
def list_of_groups(*, wrong=False):
    def model(groups):
        centre = numpyro.sample("centre", dist.Normal(0, 5))
        for k, rows in enumerate(groups):
            mean = numpyro.sample(f"mean_{k}", dist.Normal(centre, 2))
            size = len(groups[0]) if wrong else len(rows)
            with numpyro.plate(f"rows_{k}", size):
                numpyro.sample(f"y_{k}", dist.Normal(mean, 1), obs=rows)

    def guide(groups):
        def normal(name):
            loc = numpyro.param(f"{name}_loc", 0.0)
            scale = numpyro.param(f"{name}_scale", 1.0, constraint=constraints.positive)
            numpyro.sample(name, dist.Normal(loc, scale))

        normal("centre")
        for k in range(len(groups)):
            normal(f"mean_{k}")

    return model, guide


LENGTHS = _random.integers(2, 7, 20)
STEPS_TAKEN = _random.poisson(2.0, (20, 6)).astype(np.int32)


@program(
    "rows padded to one length, with their lengths beside them",
    loss=TraceMeanField_ELBO,
    batches=lambda: [(STEPS_TAKEN[:10], LENGTHS[:10], 6), (STEPS_TAKEN[10:], LENGTHS[10:], 6)],
    mistake="a latent for each row is drawn without the plate in the guide",
)
def padded_rows(*, wrong=False):
    def model(counts, lengths, longest):
        mask = jnp.arange(longest) < lengths[:, None]
        base = numpyro.param("base", jnp.zeros(longest))
        with numpyro.plate("walkers", len(counts), dim=-2):
            pace = numpyro.sample("pace", dist.Normal(0, 1))
            with numpyro.plate("days", longest, dim=-1), handlers.mask(mask=mask):
                numpyro.sample("counts", dist.Poisson(jnp.exp(base + pace)), obs=counts)

    def guide(counts, lengths, longest):
        mask = jnp.arange(longest) < lengths[:, None]
        mean = jnp.log1p((counts * mask).sum(1, keepdims=True) / lengths[:, None])
        slope = numpyro.param("slope", 1.0)
        scale = numpyro.param("scale", 0.5, constraint=constraints.positive)
        posterior = dist.Normal(slope * mean, scale)
        if wrong:
            numpyro.sample("pace", posterior.to_event(2))
            return
        with numpyro.plate("walkers", len(counts), dim=-2):
            numpyro.sample("pace", posterior)

    return model, guide
