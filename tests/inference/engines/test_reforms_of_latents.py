"""Handlers that put latents into another form: what was a latent is computed, and no datum."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np
import numpyro
import numpyro.distributions as ndist
import pyro
import pyro.distributions as pdist
import pytest
import torch
from equinox import nn
from numpyro import handlers
from numpyro.contrib.module import random_eqx_module
from numpyro.infer.autoguide import AutoNormal as NumPyroNormal
from numpyro.infer.reparam import LocScaleReparam as NumPyroLocScale
from pyro import poutine
from pyro.infer.autoguide import AutoNormal
from pyro.infer.reparam import ConjugateReparam, LocScaleReparam, TransformReparam
from torch.distributions import AffineTransform

from inference import check_pair, log_likelihood, valid_objectives
from inference.engines.numpyro.records import Recorder

sample: Any = numpyro.sample
X = np.random.default_rng(0).normal(1.0, 2.0, 6).astype(np.float32)


def of_latent(kind: str) -> Any:
    """x = z + noise, z ~ N(1, 2^2) drawn from N(0, 1); the guide is the exact posterior."""
    normal, shift = pdist.Normal(0.0, 1.0), AffineTransform(1.0, 2.0)
    prior = pdist.Normal(1.0, 2.0) if kind == "decentered" else None
    reform: Any = LocScaleReparam(0.0) if kind == "decentered" else TransformReparam()

    def program(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", prior or pdist.TransformedDistribution(normal, [shift]))
            pyro.sample("x", pdist.Normal(z, 1.0), obs=x)

    def guide(x):
        slope = pyro.param("slope", torch.tensor(0.4))
        with pyro.plate("data", len(x)):
            pyro.sample(f"z_{kind}", pdist.Normal(slope * (x - 1), math.sqrt(0.2)))

    return poutine.reparam(program, config={"z": reform}), guide


@pytest.mark.parametrize("kind", ["decentered", "base"])
def test_a_latent_in_another_form_is_no_datum(kind):
    pyro.clear_param_store()
    pair, x = of_latent(kind), torch.tensor(X)
    found = valid_objectives(pair, x)
    assert {"IWAE", "RWS", "WakeSleep"} <= set(found.valid)  # of which the last draws the data
    exact = -0.1 * (X - 1) ** 2 - 0.5 * np.log(2 * np.pi * 5)
    assert np.allclose(log_likelihood(pair, x, num_particles=2).per_datum, exact, atol=1e-5)
    assert not check_pair(pair, x).failed


def test_a_conjugate_posterior_in_the_model_is_noise_and_no_mistake():
    pyro.clear_param_store()

    def program(count):
        a = pyro.param("a", torch.tensor(2.0), constraint=pdist.constraints.positive)
        with pyro.plate("data", len(count)):
            p = pyro.sample("p", pdist.Beta(a, 2.0))
            pyro.sample("count", pdist.Binomial(10, p), obs=count)

    posterior = ConjugateReparam(lambda count: pdist.Beta(1.0 + count, 11.0 - count))
    pair = poutine.reparam(program, config={"p": posterior}), lambda count: None
    count = torch.tensor([3.0, 4.0, 5.0, 2.0])
    exact = pdist.BetaBinomial(2.0, 2.0, 10).log_prob(count).numpy()
    assert np.allclose(log_likelihood(pair, count, num_particles=2).per_datum, exact, atol=1e-5)
    assert not check_pair(pair, count).failed


def pyro_pair() -> Any:
    def program(x):
        centre = pyro.sample("centre", pdist.Normal(0.0, 1.0))
        with pyro.plate("data", len(x)):
            pyro.sample("x", pdist.Normal(centre, 1.0), obs=x)

    model = poutine.reparam(program, config={"centre": LocScaleReparam()})
    return model, AutoNormal(model)


def numpyro_pair() -> Any:
    def program(x):
        centre = sample("centre", ndist.Normal(0.0, 1.0))
        with numpyro.plate("data", len(x)):
            sample("x", ndist.Normal(centre, 1.0), obs=x)

    model = handlers.reparam(program, config={"centre": NumPyroLocScale()})
    return model, NumPyroNormal(model)


def network_pair() -> Any:
    def model(x):
        line = nn.Linear(1, "scalar", key=jax.random.PRNGKey(0))
        drawn: Any = random_eqx_module("line", line, prior=ndist.Normal())
        with numpyro.plate("data", len(x)):
            sample("x", ndist.Normal(drawn(np.ones(1)), 1.0), obs=x)

    return model, NumPyroNormal(model)


def test_a_parameter_that_the_library_asks_for_is_noted_and_no_error():
    pyro.clear_param_store()
    report = check_pair(pyro_pair(), torch.tensor(X))
    assert not report.failed
    assert "model-parameters-have-gradients" in {each.check for each in report.notes}


@pytest.mark.parametrize("make", [numpyro_pair, network_pair])
def test_so_on_numpyro(make):
    recorded = Recorder(make(), (X,)).record("model", (X,))
    assert recorded.lent == set(recorded.parameters) != set()
