# type: ignore  # as users write them
"""Guides that NumPyro makes from the model, which pack its latents into one vector or list them."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro import handlers
from numpyro.infer import Trace_ELBO
from numpyro.infer.autoguide import (
    AutoBNAFNormal,
    AutoDAIS,
    AutoDelta,
    AutoDiagonalNormal,
    AutoGuideList,
    AutoIAFNormal,
    AutoLaplaceApproximation,
    AutoMultivariateNormal,
    AutoNormal,
    AutoSemiDAIS,
    AutoSurrogateLikelihoodDAIS,
)
from numpyro.infer.initialization import init_to_median
from numpyro.infer.reparam import TransformReparam

from numpyro_corpus.registry import program

_random = np.random.default_rng(3)
X = _random.normal(size=(32, 4)).astype(np.float32)
LABEL = (X[:, 0] + 0.5 * _random.normal(size=32) > 0).astype(np.int32)
TIMES = _random.exponential(2.0, 32).astype(np.float32)
GRADE = np.digitize(X[:, 1] + 0.5 * _random.normal(size=32), [-0.7, 0.7]).astype(np.int32)
EFFECT = np.array([28, 8, -3, 7, -1, 1, 18, 12], np.float32)
ERROR = np.array([15, 10, 16, 11, 9, 11, 10, 18], np.float32)
HITS = np.array([18, 17, 16, 15, 14, 14, 13, 12, 11, 10, 9, 8], np.int32)
AT_BAT = np.array([45, 44, 45, 47, 45, 46, 45, 45, 43, 45, 45, 40], np.int32)
GROUP = np.arange(32) % 5
OUTCOME = (X[:, 0] * (1 + 0.3 * GROUP) + 0.2 * GROUP).astype(np.float32)


@program(
    "batting averages, partially pooled: totals for each row, a rate for each player",
    loss=Trace_ELBO,
    batches=lambda: [(AT_BAT, HITS)],
    mistake="hits and turns at bat are swapped in the likelihood",
)
def batting_averages(*, wrong=False):
    def model(at_bats, hits=None):
        m = numpyro.sample("m", dist.Uniform(0, 1))
        kappa = numpyro.sample("kappa", dist.Pareto(1.0, 1.5))
        with numpyro.plate("players", at_bats.shape[0]):
            phi = numpyro.sample("phi", dist.Beta(m * kappa, (1 - m) * kappa))
            total, seen = (hits, at_bats) if wrong else (at_bats, hits)
            numpyro.sample("obs", dist.Binomial(total, probs=phi), obs=seen)

    return model, AutoDiagonalNormal(model)


@program(
    "ordinal answers: ordered cut points beside coefficients, one full covariance for both",
    loss=Trace_ELBO,
    batches=lambda: [(X, GRADE)],
    mistake="one cut point too few for the grades",
)
def ordinal_regression(*, wrong=False):
    def model(x, y=None):
        b = numpyro.sample("b", dist.Normal(0, 1).expand([x.shape[1]]).to_event(1))
        base = dist.Normal(0, 2).expand([1 if wrong else 2]).to_event(1)
        ordered = dist.TransformedDistribution(base, dist.transforms.OrderedTransform())
        cuts = numpyro.sample("cuts", ordered)
        with numpyro.plate("answers", len(x)):
            numpyro.sample("y", dist.OrderedLogistic(x @ b, cuts), obs=y)

    return model, AutoMultivariateNormal(model, init_loc_fn=init_to_median(num_samples=4))


@program(
    "survival times of which some are censored, a Laplace approximation of the posterior",
    loss=Trace_ELBO,
    batches=lambda: [(X[:, :2], TIMES, (TIMES < 3).astype(np.float32))],
    mistake="the shape of the hazard is Normal and may be below zero",
)
def censored_survival(*, wrong=False):
    def model(x, time, event):
        b = numpyro.sample("b", dist.Normal(0, 1).expand([x.shape[1]]).to_event(1))
        prior = dist.Normal(0.0, 1.0) if wrong else dist.LogNormal(0.0, 1.0)
        k = numpyro.sample("k", prior)
        scale = jnp.exp(x @ b)
        lifetime = dist.Weibull(scale, k)
        with numpyro.plate("patients", len(x)):
            with handlers.mask(mask=event > 0):
                numpyro.sample("died", lifetime, obs=time)
            numpyro.factor("survived", jnp.where(event > 0, 0.0, -((time / scale) ** k)))

    return model, AutoLaplaceApproximation(model)


@program(
    "schools again, the funnel unrolled by a transform, a block autoregressive flow around it",
    loss=Trace_ELBO,
    batches=lambda: [(ERROR, EFFECT)],
    mistake="the data are not handed to obs=",
)
def schools_in_a_flow(*, wrong=False):
    @handlers.reparam(config={"theta": TransformReparam()})
    def model(sigma, y=None):
        mu = numpyro.sample("mu", dist.Normal(0, 5))
        tau = numpyro.sample("tau", dist.HalfCauchy(5))
        with numpyro.plate("J", len(sigma)):
            affine = dist.transforms.AffineTransform(mu, tau)
            theta = numpyro.sample(
                "theta", dist.TransformedDistribution(dist.Normal(0.0, 1.0), affine)
            )
            numpyro.sample("obs", dist.Normal(theta, sigma), obs=None if wrong else y)

    return model, AutoBNAFNormal(model, num_flows=1, hidden_factors=[2])


@program(
    "counts with more zeros than a Poisson has, an autoregressive flow over constrained sites",
    loss=Trace_ELBO,
    batches=lambda: [(X, np.where(LABEL == 1, HITS[np.arange(32) % 12], 0).astype(np.int32))],
    mistake="the logit of the gate is given as its probability",
)
def zero_inflated_counts(*, wrong=False):
    def model(x, y=None):
        gate = numpyro.sample("gate", dist.Beta(1.0, 1.0))
        b = numpyro.sample("b", dist.Normal(0, 0.5).expand([x.shape[1]]).to_event(1))
        gate = jnp.log(gate) - jnp.log1p(-gate) if wrong else gate
        with numpyro.plate("days", len(x)):
            numpyro.sample("y", dist.ZeroInflatedPoisson(gate, jnp.exp(1 + x @ b)), obs=y)

    return model, AutoIAFNormal(model, num_flows=1, hidden_dims=[5])


@program(
    "a classifier with annealed importance sampling inside of its guide",
    loss=Trace_ELBO,
    batches=lambda: [(X, LABEL)],
    mistake="the score of every label is a column, so that labels spread to a square",
)
def annealed_classifier(*, wrong=False):
    def model(x, y=None):
        a = numpyro.sample("a", dist.StudentT(3.0, 0.0, 2.0))
        b = numpyro.sample("b", dist.Normal(0, 1).expand([x.shape[1]]).to_event(1))
        logits = a + (x @ b[:, None] if wrong else x @ b)
        with numpyro.plate("rows", len(x)):
            numpyro.sample("y", dist.Bernoulli(logits=logits), obs=y)

    return model, AutoDAIS(model, K=2)


@program(
    "global scale by a Normal, local rates by annealing, a part of the rows at a time",
    loss=Trace_ELBO,
    batches=lambda: [(HITS.astype(np.float32),)],
    mistake="the data are not cut to the plate's rows",
)
def semi_annealed(*, wrong=False):
    def global_model(y):
        return {"theta": numpyro.sample("theta", dist.LogNormal(2.0, 1.0)), "y": y}

    def local_model(given):
        y, theta = given["y"], given["theta"]
        with numpyro.plate("rows", len(y), subsample_size=6) as rows:
            rate = numpyro.sample("rate", dist.Gamma(5.0, 5.0 / theta))
            numpyro.sample("y", dist.Normal(rate, 1.0), obs=y if wrong else y[rows])

    def model(y):
        return local_model(global_model(y))

    guide = AutoSemiDAIS(model, local_model, AutoNormal(global_model), K=2)
    return model, guide


@program(
    "logistic regression in minibatches, guided by a weighted likelihood of few rows",
    loss=Trace_ELBO,
    batches=lambda: [(X[:16], LABEL[:16]), (X[16:], LABEL[16:])],
    mistake="the plate is of the minibatch's size beside a global latent",
    whole=lambda: (X, LABEL),
)
def surrogate_likelihood(*, wrong=False):
    def prior(width):
        return numpyro.sample("theta", dist.Normal(0, 1).expand([width]).to_event(1))

    def model(x, y):
        theta = prior(x.shape[1])
        plate = numpyro.plate("N", 16) if wrong else numpyro.plate("N", 32, subsample_size=16)
        with plate:
            numpyro.sample("obs", dist.Bernoulli(logits=x @ theta), obs=y)

    def surrogate(x, y):
        theta = prior(x.shape[1])
        omegas = numpyro.param(
            "omegas", 4.0 * jnp.ones(len(x)), constraint=dist.constraints.positive
        )
        with numpyro.plate("few", len(x)), handlers.scale(scale=omegas):
            numpyro.sample("obs", dist.Bernoulli(logits=x @ theta), obs=y)

    few = X[:8], LABEL[:8]
    guide = AutoSurrogateLikelihoodDAIS(model, lambda *_: surrogate(*few), K=2)
    return model, guide


@program(
    "varying slopes: a correlated prior, plates and constrained sites, by a list of two guides",
    loss=Trace_ELBO,
    batches=lambda: [(X[:, 0], GROUP, OUTCOME)],
    mistake="the list leaves out the residual's scale",
)
def varying_slopes(*, wrong=False):
    def model(x, group, y=None):
        mean = numpyro.sample("mean", dist.Normal(0, 1).expand([2]).to_event(1))
        scales = numpyro.sample("scales", dist.HalfNormal(1).expand([2]).to_event(1))
        corr = numpyro.sample("corr", dist.LKJCholesky(2, 2.0))
        sigma = numpyro.sample("sigma", dist.Exponential(1.0))
        with numpyro.plate("groups", 5):
            factor = scales[:, None] * corr
            ab = numpyro.sample("ab", dist.MultivariateNormal(mean, scale_tril=factor))
        with numpyro.plate("rows", len(x)):
            numpyro.sample("y", dist.Normal(ab[group, 0] + ab[group, 1] * x, sigma), obs=y)

    guide = AutoGuideList(model)
    points = ["scales", "corr", "sigma"]
    packed = handlers.block(model, hide=points)
    guide.append(
        AutoDelta(handlers.block(model, hide=["mean", "ab"] + (["sigma"] if wrong else [])))
    )
    guide.append(AutoDiagonalNormal(packed))
    return model, guide
