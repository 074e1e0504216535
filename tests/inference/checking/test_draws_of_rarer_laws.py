"""Laws that cannot draw, or whose draws do not move as their gradient says, are no mistakes."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer.autoguide import AutoNormal
from pyro.infer.reparam import DiscreteCosineReparam, SplitReparam
from torch.distributions import constraints

from inference import check_pair

DATA = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))


def test_a_mixture_of_normals_as_a_guide():
    """Its gradient is right in the mean alone (Jankowiak & Karaletsos 2019, arXiv:1806.01856)."""

    def model(x):
        with pyro.plate("rows", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z, 0.7).to_event(1), obs=x)

    def guide(x):
        slope = pyro.param("slope", torch.tensor([[0.2, 0.4], [0.3, -0.1]]))
        scale = pyro.param("scale", torch.tensor(0.5), constraint=constraints.positive)
        logits = pyro.param("logits", torch.zeros(2))
        with pyro.plate("rows", len(x)):
            locs = x[..., None, :] * slope
            mixture = dist.MixtureOfDiagNormals(
                locs, scale.expand(locs.shape), logits.expand(locs.shape[:-1])
            )
            pyro.sample("z", mixture)

    assert check_pair((model, guide), DATA).failed == []


def test_a_flat_prior():
    def model(x):
        with pyro.plate("columns", 2):
            loc = pyro.sample("loc", dist.ImproperUniform(constraints.real, (), ()))
        with pyro.plate("rows", len(x)):
            pyro.sample("x", dist.Normal(loc, 1.0).to_event(1), obs=x)

    def guide(x):
        at = pyro.param("at", torch.zeros(2))
        with pyro.plate("columns", 2):
            pyro.sample("loc", dist.Normal(at, 0.3))

    assert check_pair((model, guide), DATA).failed == []


def test_frequencies_of_a_series_in_parts():
    """`SplitReparam` puts improper priors in the place of parts, and their density behind them."""

    def series(x):
        walk = pyro.sample("walk", dist.Normal(torch.zeros(6), 1.0).to_event(1))
        pyro.sample("x", dist.Normal(walk, 1.0).to_event(1), obs=x)

    config = {"walk": DiscreteCosineReparam(dim=-1), "walk_dct": SplitReparam([2, 4], -1)}
    model = poutine.reparam(series, config=config)
    assert check_pair((model, AutoNormal(model)), DATA[:, 0]).failed == []


@pytest.mark.parametrize("optional", [False, True])
def test_a_model_with_keywords_of_its_own_draws_where_its_data_are_optional(optional):
    """As `air.py`, whose `**kwargs` are the prior's; a wrapper hands `size=` on."""

    def draws(x=None, *, size=1):
        with pyro.plate("rows", size if x is None else len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            return pyro.sample("x", dist.Normal(z, 1.0).to_event(1), obs=x)

    def scores(x, **prior):
        with pyro.plate("rows", x.size(0)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), **{"scale": 1.0, **prior}).to_event(1))
            pyro.sample("x", dist.Normal(z, 1.0).to_event(1), obs=x)

    def guide(x, **prior):
        with pyro.plate("rows", len(x)):
            pyro.sample("z", dist.Normal(x * pyro.param("slope", torch.ones(2)), 0.7).to_event(1))

    model = (lambda *data, **named: draws(*data, **named)) if optional else scores
    report = check_pair((model, guide), DATA, checks=["model-draws"])
    assert not report.failed
    assert ("model-draws" in [each.check for each in report.passed]) == optional
