# type: ignore  # as users write them
"""Upstream's automatic guides, each on a regression that people fit with them."""

from __future__ import annotations

import functools

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.distributions.transforms import block_autoregressive, iterated
from pyro.infer import Trace_ELBO, TraceEnum_ELBO, TraceMeanField_ELBO, config_enumerate
from pyro.infer.autoguide import (
    AutoDelta,
    AutoDiscreteParallel,
    AutoGuideList,
    AutoHierarchicalNormalMessenger,
    AutoIAFNormal,
    AutoLaplaceApproximation,
    AutoLowRankMultivariateNormal,
    AutoNormal,
    AutoNormalizingFlow,
    AutoNormalMessenger,
    AutoRegressiveMessenger,
    AutoStructured,
    init_to_mean,
    init_to_median,
    init_to_value,
)

from pyro_corpus.registry import program

_random = torch.Generator().manual_seed(6)
FIRST, SECOND = torch.arange(24) % 3, torch.arange(24) // 6
SCORE = FIRST - 0.5 * SECOND + 0.3 * torch.randn(24, generator=_random)


@program(
    "crossed effects under a structured guide, and a penalty by pyro.factor",
    loss=Trace_ELBO,
    batches=lambda: [(FIRST, SECOND, SCORE)],
    mistake="the two indices are swapped",
)
def structured_crossed_effects(*, wrong=False):
    def model(first, second, score):
        mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
        with pyro.plate("first", 3):
            a = pyro.sample("a", dist.Normal(mean, 1.0))
        with pyro.plate("second", 4):
            b = pyro.sample("b", dist.Normal(0.0, 1.0))
        pyro.factor("sums_to_zero", -10 * b.sum(-1) ** 2)
        with pyro.plate("rows", len(score)):
            one, other = (second, first) if wrong else (first, second)
            pyro.sample("score", dist.Normal(a[..., one] + b[..., other], 0.3), obs=score)

    guide = AutoStructured(
        model,
        conditionals={"mean": "normal", "a": "mvn", "b": "normal"},
        dependencies={"a": {"mean": "linear"}},
    )
    return model, guide


DOSE = torch.linspace(-1, 1, 30)
VISITS = torch.poisson((DOSE + 0.5).exp(), generator=_random) * (
    torch.rand(30, generator=_random) < 0.7
)


@program(
    "counts with too many zeros under a guide that is a messenger",
    loss=TraceMeanField_ELBO,
    batches=lambda: [(DOSE, VISITS)],
    mistake="a logit is given as the probability of a zero",
)
def messenger_of_too_many_zeros(*, wrong=False):
    def model(dose, visits):
        level = pyro.sample("level", dist.Normal(-0.5, 1.0))
        slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
        gate = pyro.sample("gate", dist.Beta(2.0, 5.0))
        with pyro.plate("rows", len(dose)):
            rate = (level + slope * dose).exp()
            gate = gate.logit() if wrong else gate
            pyro.sample("visits", dist.ZeroInflatedPoisson(rate, gate=gate), obs=visits)

    return model, AutoNormalMessenger(model)


COUNTY = torch.arange(28) % 4
RADON = 1.0 + 0.4 * COUNTY + 0.5 * torch.randn(28, generator=_random)


@program(
    "levels of counties around a mean, under a guide that follows the hierarchy",
    loss=Trace_ELBO,
    batches=lambda: [(COUNTY, RADON)],
    mistake="the likelihood's mean and scale are swapped",
)
def messenger_of_a_hierarchy(*, wrong=False):
    def model(county, radon):
        mean = pyro.sample("mean", dist.Normal(-1.0, 2.0))
        spread = pyro.sample("spread", dist.Exponential(1.0))
        with pyro.plate("counties", 4):
            level = pyro.sample("level", dist.Normal(mean, spread))
        with pyro.plate("homes", len(radon)):
            level = pyro.deterministic("level_of_home", level[..., county])
            mean_and_scale = (0.5, level) if wrong else (level, 0.5)
            pyro.sample("radon", dist.Normal(*mean_and_scale), obs=radon)

    return model, AutoHierarchicalNormalMessenger(model)


@program(
    "a trend in which each guided value depends on the ones before",
    loss=Trace_ELBO,
    batches=lambda: [(DOSE, DOSE**2)],
    mistake="the guide never sees one of the latents",
)
def regressive_messenger(*, wrong=False):
    def model(x, y):
        level = pyro.sample("level", dist.Normal(0.0, 1.0))
        slope = pyro.sample("slope", dist.Normal(level, 1.0))
        bend = pyro.sample("bend", dist.Normal(slope, 1.0))
        with pyro.plate("rows", len(x)):
            pyro.sample("y", dist.Normal(level + slope * x + bend * x**2, 0.2), obs=y)

    guided = poutine.block(model, hide=["bend"]) if wrong else model
    return model, AutoRegressiveMessenger(guided)


COLUMNS = torch.randn(36, 3, generator=_random)
GRADE = torch.bucketize(
    COLUMNS[:, 0] + 0.5 * torch.randn(36, generator=_random), torch.tensor([-0.5, 0.5])
)


@program(
    "ordered grades with cut points that are latent, under a guide of low rank",
    loss=Trace_ELBO,
    batches=lambda: [(COLUMNS, GRADE)],
    mistake="the cut points are drawn without an order",
)
def ordinal_of_low_rank(*, wrong=False):
    ordered = dist.transforms.OrderedTransform()

    def model(x, grade):
        weight = pyro.sample("weight", dist.Normal(torch.zeros(3), 1.0).to_event(1))
        base = dist.Normal(torch.tensor([1.0, -1.0]) if wrong else torch.zeros(2), 0.2).to_event(1)
        cuts = base if wrong else dist.TransformedDistribution(base, [ordered])
        cuts = pyro.sample("cuts", cuts)
        with pyro.plate("rows", len(x)):
            pyro.sample("grade", dist.OrderedLogistic(x @ weight, cuts), obs=grade)

    return model, AutoLowRankMultivariateNormal(model, rank=2, init_loc_fn=init_to_median)


HITS = torch.tensor([3.0, 1.0, 7.0, 4.0, 9.0, 2.0, 0.0, 5.0, 6.0, 8.0, 3.0, 2.0])
AT_BATS = torch.tensor([9.0, 8.0, 12.0, 10.0, 15.0, 9.0, 7.0, 11.0, 14.0, 13.0, 9.0, 10.0])


@program(
    "batting averages with a total for each row, under an inverse autoregressive flow",
    loss=Trace_ELBO,
    batches=lambda: [(AT_BATS, HITS)],
    mistake="totals and hits are swapped",
)
def flow_of_batting_averages(*, wrong=False):
    def model(at_bats, hits):
        mean = pyro.sample("mean", dist.Uniform(0.0, 1.0))
        concentration = pyro.sample("concentration", dist.LogNormal(2.0, 1.0))
        total, observed = (hits, at_bats) if wrong else (at_bats, hits)
        with pyro.plate("players", len(hits)):
            skill = dist.Beta(mean * concentration, (1 - mean) * concentration)
            skill = pyro.sample("skill", skill)
            pyro.sample("hits", dist.Binomial(total, skill), obs=observed)

    return model, AutoIAFNormal(model, hidden_dim=[16], num_transforms=1)


TIME = -(1 - torch.rand(24, generator=_random)).log() * (0.3 * DOSE[:24]).exp()
ENDED = (TIME < 1.2).float()
TIME = TIME.clamp(max=1.2)


@program(
    "survival times of which some are censored, under a block autoregressive flow",
    loss=Trace_ELBO,
    batches=lambda: [(DOSE[:24], TIME, ENDED)],
    mistake="the plate has the size of the rows that are not censored",
)
def flow_of_censored_times(*, wrong=False):
    def model(dose, time, ended):
        level = pyro.sample("level", dist.Normal(0.0, 1.0))
        slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
        with pyro.plate("patients", int(ended.sum()) if wrong else len(time)):
            rate = (level + slope * dose).exp()
            with poutine.mask(mask=ended.bool()):
                pyro.sample("time", dist.Exponential(rate), obs=time)
            with poutine.mask(mask=~ended.bool()):
                survived = dist.Bernoulli((-rate * time).exp().clamp(1e-6, 1 - 1e-6))
                pyro.sample("survived", survived, obs=1 - ended)

    flow = functools.partial(iterated, 1, block_autoregressive, hidden_factors=[3])
    return model, AutoNormalizingFlow(model, flow)


@program(
    "a Gaussian process written by hand, its kernel's parameters by Laplace's approximation",
    loss=Trace_ELBO,
    batches=lambda: [(DOSE[::2], torch.sin(3 * DOSE[::2]))],
    mistake="the kernel lacks its exponential and is no covariance",
)
def laplace_of_a_gaussian_process(*, wrong=False):
    def model(x, y):
        variance = pyro.sample("variance", dist.LogNormal(0.0, 1.0))
        length = pyro.sample("length", dist.LogNormal(0.0, 1.0))
        noise = pyro.sample("noise", dist.LogNormal(-1.0, 0.5))
        squared = ((x[:, None] - x) / length) ** 2
        kernel = variance * (squared if wrong else (-0.5 * squared).exp())
        covariance = kernel + (noise + 1e-3) * torch.eye(len(x))
        pyro.sample("y", dist.MultivariateNormal(torch.zeros(len(x)), covariance), obs=y)

    return model, AutoLaplaceApproximation(model, init_loc_fn=init_to_median)


BIMODAL = torch.cat(
    [torch.randn(15, generator=_random) - 2, torch.randn(15, generator=_random) + 2]
)


@program(
    "a mixture under a list of guides, a discrete one among them",
    loss=lambda: TraceEnum_ELBO(max_plate_nesting=1),
    batches=lambda: [(BIMODAL,)],
    mistake="the list lacks the guide of the assignments",
)
def list_with_a_discrete_guide(*, wrong=False):
    def model(x):
        weights = pyro.sample("weights", dist.Dirichlet(torch.ones(2)))
        with pyro.plate("components", 2):
            means = pyro.sample("means", dist.Normal(0.0, 3.0))
        with pyro.plate("rows", len(x)):
            which = pyro.sample("which", dist.Categorical(weights))
            pyro.sample("x", dist.Normal(means[which], 1.0), obs=x)

    guide = AutoGuideList(model)
    start = init_to_value(values={"means": torch.tensor([-1.0, 1.0])}, fallback=init_to_mean)
    continuous = poutine.block(model, hide=["which"])
    guide.append(AutoNormal(continuous, init_loc_fn=start))
    if not wrong:
        guide.append(AutoDiscreteParallel(poutine.block(config_enumerate(model), expose=["which"])))
    return model, guide


USER, ITEM = torch.randint(6, (40,), generator=_random), torch.randint(4, (40,), generator=_random)
RATING = torch.randn(40, generator=_random) + 1.0


@program(
    "a matrix of ratings as a product of factors, by a point estimate from given values",
    loss=Trace_ELBO,
    batches=lambda: [(USER, ITEM, RATING)],
    mistake="users and items are swapped",
)
def ratings_by_point_estimate(*, wrong=False):
    def model(user, item, rating):
        spread = pyro.sample("spread", dist.InverseGamma(3.0, 2.0))
        with pyro.plate("users", 6):
            u = pyro.sample("u", dist.Normal(torch.zeros(2), spread).to_event(1))
        with pyro.plate("items", 4):
            v = pyro.sample("v", dist.Normal(torch.zeros(2), 1.0).to_event(1))
        row, column = (item, user) if wrong else (user, item)
        with pyro.plate("ratings", len(rating)):
            pyro.sample("rating", dist.Normal((u[row] * v[column]).sum(-1), 0.5), obs=rating)

    start = init_to_value(values={"u": torch.full((6, 2), 0.3), "v": torch.full((4, 2), 0.3)})
    return model, AutoDelta(model, init_loc_fn=start)
