"""What a program only computes, in a `deterministic` statement, is neither drawn nor observed."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as ndist
import pyro
import pyro.distributions as pdist
import pytest
import torch
from rows import ENGINES
from scoring import gradients

from inference import to_arviz, valid_objectives
from inference.objectives import ELBO, IWAE, NVIL, RWS, Objective, WakeSleep

X = (np.random.default_rng(0).random((4, 3)) < 0.4).astype(np.float32)


def pair(engine: str, *, computes: bool) -> tuple[Any, Any]:
    """z_n ~ Bernoulli, x_n ~ Bernoulli(w z_n); the logits and twice the draw are written down."""
    lib: Any = pyro if engine == "pyro" else numpyro
    dist: Any = pdist if engine == "pyro" else ndist
    array: Any = torch.tensor if engine == "pyro" else jnp.asarray

    def noted(name: str, value: Any) -> Any:
        return lib.deterministic(name, value) if computes else value

    def model(x: Any) -> None:
        w = lib.param("w", array(np.array([[0.5, -0.4, 1.0], [0.2, 0.3, -1.0]], "f4")))
        with lib.plate("data", len(x)):
            z = lib.sample("z", dist.Bernoulli(logits=array(np.zeros((4, 2), "f4"))).to_event(1))
            logits = noted("logits", z @ w)
            lib.sample("x", dist.Bernoulli(logits=logits).to_event(1), obs=x)

    def guide(x: Any) -> None:
        v = lib.param("v", array(np.array([[0.1, 0.4], [0.3, -0.2], [-0.5, 0.6]], "f4")))
        with lib.plate("data", len(x)):
            z = lib.sample("z", dist.Bernoulli(logits=x @ v).to_event(1))
            noted("twice", 2 * z)

    return model, guide


@pytest.mark.parametrize("objective", [ELBO(), NVIL(), RWS(2), WakeSleep()], ids=repr)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_computed_value_changes_no_gradient(engine: str, objective: Objective) -> None:
    """The baseline of NVIL, a network of what is observed, would have read the draws."""
    found = []
    for computes in (True, False):
        model, guide = pair(engine, computes=computes)
        whole = SimpleNamespace(model=model, guide=guide, engine=engine)
        found.append(gradients(whole, objective, (X,), 3))
    (ours, losses), (plain, expected) = found
    assert ours.keys() == plain.keys()
    for name, gradient in ours.items():
        np.testing.assert_allclose(gradient, plain[name], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(losses, expected, rtol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_objectives_fit(engine: str) -> None:
    ours, plain = (valid_objectives(pair(engine, computes=c), X) for c in (True, False))
    assert ours.valid == plain.valid
    assert "WakeSleep" in " ".join(map(str, ours.valid))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_record_keeps_it_apart_from_the_sites(engine: str) -> None:
    checking = importlib.import_module(f"inference.engines.{engine}.checking")
    probe = checking.Probe(pair(engine, computes=True), (X,))
    z = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], "f4")
    run = probe.record("model", (X,), {"z": z})
    w = np.array([[0.5, -0.4, 1.0], [0.2, 0.3, -1.0]], "f4")
    assert set(run.sites) == {"z", "x"}
    assert set(run.computed) == {"logits"}
    np.testing.assert_allclose(run.computed["logits"], z @ w, rtol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_posterior_draws_keep_it(engine: str) -> None:
    data: Any = to_arviz(pair(engine, computes=True), X, num_draws=3)
    z, w = data.posterior["z"].values, np.array([[0.5, -0.4, 1.0], [0.2, 0.3, -1.0]], "f4")
    np.testing.assert_allclose(data.posterior["logits"].values, z @ w, rtol=1e-5)
    assert set(data.observed_data) == {"x"}


def test_pyro_observes_the_rest_of_a_partly_observed_site() -> None:
    """Upstream writes `obs_mask=` as two sites and a value computed from both."""

    def model(x: torch.Tensor) -> None:
        with pyro.plate("data", len(x)):
            known: Any = torch.tensor([True, True, False, True])
            pyro.sample("x", pdist.Normal(torch.zeros(4), 1.0), obs=x, obs_mask=known)

    hidden: Any = torch.tensor([False, False, True, False])

    def guide(x: torch.Tensor) -> None:
        with pyro.plate("data", len(x)), pyro.poutine.mask(mask=hidden):
            pyro.sample("x_unobserved", pdist.Normal(torch.zeros(4), 1.0))

    x = torch.tensor([0.3, -1.0, 0.0, 2.0])
    with pyro.get_param_store().scope():
        loss = IWAE(5)(model, guide, x)
    expected = pdist.Normal(0.0, 1.0).log_prob(x)[[0, 1, 3]].sum()
    assert float(-loss) == pytest.approx(float(expected), rel=1e-5)
