# type: ignore  # as users write them
"""Latents of groups and of all data, and plates that know how many rows there are."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.contrib.easyguide import EasyGuide
from pyro.infer import Trace_ELBO, TraceGraph_ELBO
from pyro.infer.autoguide import AutoNormal
from pyro.infer.reparam import LocScaleReparam
from torch.distributions import constraints

from pyro_corpus.registry import program

_random = torch.Generator().manual_seed(5)
EFFECT = torch.tensor([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERROR = torch.tensor([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


@program(
    "eight schools with a degree of centring that is learnt",
    loss=TraceGraph_ELBO,
    batches=lambda: [(8, ERROR, EFFECT)],
    mistake="the guide is made from the program before its reparametrisation",
)
def schools_partly_centred(*, wrong=False):
    def schools(number, error, effect=None):
        mu = pyro.sample("mu", dist.Normal(0.0, 5.0))
        tau = pyro.sample("tau", dist.HalfCauchy(5.0))
        with pyro.plate("schools", number):
            theta = pyro.sample("theta", dist.Normal(mu, tau))
            pyro.deterministic("percent", 100 * theta)
            pyro.sample("effect", dist.Normal(theta, error), obs=effect)

    model = poutine.reparam(schools, config={"theta": LocScaleReparam()})
    return model, AutoNormal(schools if wrong else model)


ROWS = torch.randn(40, generator=_random) + 0.7
ORDER = torch.randperm(40, generator=_random)


@program(
    "minibatches of rows beside a mean of all, by the number of all rows",
    loss=Trace_ELBO,
    batches=lambda: [(ROWS[start : start + 10],) for start in range(0, 40, 10)],
    mistake="the plate has the size of the minibatch",
    whole=lambda: (ROWS,),
)
def mean_of_minibatches(*, wrong=False):
    def model(x):
        mean = pyro.sample("mean", dist.Normal(0.0, 10.0))
        size = {} if wrong else {"subsample_size": len(x)}
        with pyro.plate("data", len(x) if wrong else len(ROWS), **size):
            pyro.sample("x", dist.Normal(mean, 1.0), obs=x)

    def guide(x):
        loc = pyro.param("loc", torch.tensor(0.0))
        scale = pyro.param("scale", torch.tensor(0.3), constraint=constraints.positive)
        pyro.sample("mean", dist.Normal(loc, scale))

    return model, guide


@program(
    "the indices of the rows come with the rows, for a guide with parameters for each",
    loss=Trace_ELBO,
    batches=lambda: [(rows, ROWS[rows]) for rows in ORDER.split(8)],
    mistake="the guide takes the first rows' parameters instead of those of the indices",
)
def rows_by_index(*, wrong=False):
    def model(rows, x):
        mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
        with pyro.plate("data", 40, subsample=rows):
            z = pyro.sample("z", dist.Normal(mean, 1.0))
            pyro.sample("x", dist.Normal(z, 0.5), obs=x)

    def guide(rows, x):
        loc = pyro.param("loc", torch.zeros(40))
        scale = pyro.param("scale", torch.full((40,), 0.4), constraint=constraints.positive)
        pyro.sample("mean", dist.Normal(pyro.param("mean_loc", torch.tensor(0.0)), 0.2))
        with pyro.plate("data", 40, subsample=rows) as chosen:
            taken = slice(len(rows)) if wrong else chosen
            pyro.sample("z", dist.Normal(loc[taken], scale[taken]))

    return model, guide


COUNTY = torch.arange(40) % 5
RADON = torch.randn(40, generator=_random) + 0.3 * COUNTY


class _Easy(EasyGuide):
    """A joint guide of the globals, and one of each county in a plate that it need not size."""

    wrong = False

    def guide(self, county, x, y):
        self.plate("data", len(y), subsample_size=10)
        whole = self.group(match="slope|noise")
        width = len(whole.prototype_sites) - self.wrong
        loc = pyro.param("whole_loc", torch.zeros(width))
        tril = pyro.param("whole_tril", 0.1 * torch.eye(width), constraints.lower_cholesky)
        whole.sample("whole", dist.MultivariateNormal(loc, scale_tril=tril))
        local = self.group(match="level")
        with self.plate("counties"):
            loc = pyro.param("level_loc", torch.zeros(5, 1))
            local.sample("local", dist.Normal(loc, 0.3).to_event(1))


@program(
    "a regression in a plate that takes some rows itself, under an EasyGuide",
    loss=Trace_ELBO,
    batches=lambda: [(COUNTY, ROWS, RADON)],
    mistake="the guide's joint normal is one entry short",
)
def easy_guide_and_subsample(*, wrong=False):
    def model(county, x, y):
        slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
        noise = pyro.sample("noise", dist.LogNormal(0.0, 0.5))
        with pyro.plate("counties", 5):
            level = pyro.sample("level", dist.Normal(0.0, 2.0))
        with pyro.plate("data", len(y), subsample_size=10) as rows:
            mean = level[county[rows]] + slope * x[rows]
            pyro.sample("y", dist.Normal(mean, noise), obs=y[rows])

    guide = _Easy(model)
    guide.wrong = wrong
    return model, guide
