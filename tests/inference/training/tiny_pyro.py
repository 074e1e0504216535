"""Bare Pyro functions: what `tiny_runs.bare("pyro")` returns."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import torch
from torch.distributions import constraints

WIDTH = 6


def model(x):
    weight = pyro.param("weight", lambda: 0.1 * torch.randn(WIDTH))
    scale = pyro.param("scale", torch.tensor(1.0), constraint=constraints.positive)
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(torch.zeros(len(x)), 1.0))
        mean = z[..., None] * weight
        pyro.sample("x", dist.Normal(mean, scale).to_event(1), obs=x)


def guide(x):
    slope = pyro.param("slope", torch.zeros(WIDTH))
    spread = pyro.param("spread", torch.tensor(0.5), constraint=constraints.interval(0.0, 2.0))
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Normal(x @ slope, spread))
