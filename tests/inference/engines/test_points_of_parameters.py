"""Guides that compute a latent of a draw and parameters, and write down its density themselves."""

from __future__ import annotations

from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import TraceMeanField_ELBO
from pyro.infer.autoguide import AutoNormal

from inference import ELBO, STL, fit, valid_objectives

DATA = torch.randn(5, generator=torch.Generator().manual_seed(1))
SPLITS = {"STL", "DReG", "TailAdaptive", "ChiSquare"}  # the gradient through draws from the rest
SCORES = {"RWS", "TVO", "SUMO", "JensenShannon", "TotalVariation"}  # learn by log q of held draws
aside: Any = {"is_auxiliary": True}
delta: Any = dist.Delta


def model(x):
    with pyro.plate("rows", len(x)):
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        pyro.sample("x", dist.Normal(z, 0.5), obs=x)


def moved(scaled: bool):
    def guide(x):
        loc, log_scale = pyro.param("loc", torch.tensor(0.3)), torch.tensor(0.0)
        if scaled:
            log_scale = pyro.param("log_scale", torch.tensor(-0.4))
        with pyro.plate("rows", len(x)):
            noise = pyro.sample("noise", dist.Normal(0.0, 1.0), infer=aside)
            z = loc * x + log_scale.exp() * noise
            pyro.sample("z", delta(z, log_density=-log_scale))

    return guide


def by_factor(x):
    loc = pyro.param("loc", torch.tensor(0.3))
    with pyro.plate("rows", len(x)):
        z = loc * x + torch.randn(len(x))
        pyro.factor("log_q", dist.Normal(loc * x, 1.0).log_prob(z), has_rsample=True)
        pyro.sample("z", delta(z))


def test_its_own_density_is_refused_where_it_would_be_left_out():
    valid = valid_objectives((model, moved(scaled=True)), DATA)
    assert not (SPLITS | SCORES) & set(valid.valid)
    assert {"ELBO", "IWAE", "RLOO"} <= set(valid.valid)
    assert "'z' is computed of parameters" in valid.refused["DReG"]
    assert "STL" not in valid_objectives((model, by_factor), DATA).valid


def test_where_its_density_has_no_parameter_sticking_the_landing_is_right():
    """Where the noise is the only thing that is drawn, that is the gradient of the bound."""
    guide = moved(scaled=False)
    assert "STL" in valid_objectives((model, guide), DATA).valid
    assert "DReG" not in valid_objectives((model, guide), DATA).valid
    gradients = []
    for objective in (STL(), ELBO(analytic_kl=False)):
        pyro.set_rng_seed(0)
        with pyro.get_param_store().scope():
            objective(model, guide, DATA).backward()
            leaf: Any = pyro.param("loc")
            gradients.append(leaf.grad.item())
    assert gradients[0] == pytest.approx(gradients[1], rel=1e-5)


def test_guides_of_the_library_act_through_their_draws():
    assert set(valid_objectives((model, AutoNormal(model)), DATA).valid) >= SPLITS | SCORES


def test_a_factor_that_anneals_from_one_downwards():
    """In the first batch all sites have one scale, in the second they have not."""

    def annealed(x, factor):
        slope = pyro.param("slope", torch.tensor(0.5))
        with pyro.plate("rows", len(x)):
            with poutine.scale(scale=factor):
                z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(slope * z, 0.5), obs=x)

    def guide(x, factor):
        loc = pyro.param("loc", torch.tensor(0.5))
        with pyro.plate("rows", len(x)), poutine.scale(scale=factor):
            pyro.sample("z", dist.Normal(loc * x, 0.6))

    def fitted(objective):
        batches = [(DATA, torch.tensor(factor)) for factor in (1.0, 0.4)]
        pyro.clear_param_store()
        run = fit((annealed, guide), batches, objective=objective, steps=4, progress=False)
        return {name: float(value) for name, value in run.parameters.items()}

    ours, upstream = fitted(ELBO()), fitted(TraceMeanField_ELBO())
    assert ours == pytest.approx(upstream, abs=1e-6)
