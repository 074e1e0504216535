"""Guides whose networks draw noise of their own: all passes of one step have the same."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as ndist
import pyro
import pyro.distributions as pdist
import pytest
import torch
from torch.nn.functional import dropout

from inference import ARM, ELBO, STL, DisARM, MuProp

ROWS = 4000
DATA = np.zeros(ROWS, np.float32)
sample: Any = numpyro.sample


def normals(lib: Any, dist: Any, dropped: Any, loc: Any) -> Any:
    """q is N(m loc, 1) at two sites, m = 0 or 2 by dropout, and p is N(0, 1): KL = sum m^2 / 2."""

    def model(x):
        with lib.plate("data", len(x)):
            a = lib.sample("a", dist.Normal(0.0, 1.0))
            lib.sample("b", dist.Normal(0.0, 1.0))
            lib.sample("x", dist.Normal(0.0 * a, 1.0), obs=x)

    def guide(x):
        at = lib.param("loc", loc)
        with lib.plate("data", len(x)):
            lib.sample("a", dist.Normal(at * dropped(), 1.0))
            lib.sample("b", dist.Normal(at * dropped(), 1.0))

    return model, guide


def bits(lib: Any, dist: Any, dropped: Any, loc: Any) -> Any:
    """q is Bernoulli with logit m loc, m = 0 or 2 by dropout, and p is Bernoulli(1/2)."""

    def model(x):
        with lib.plate("data", len(x)):
            lib.sample("a", dist.Bernoulli(0.5 + 0 * x))
            lib.sample("x", dist.Normal(0.0 * x, 1.0), obs=x)

    def guide(x):
        at = lib.param("loc", loc)
        with lib.plate("data", len(x)):
            lib.sample("a", dist.Bernoulli(logits=at * dropped()))

    return model, guide


def slope(engine: str, program: Any, objective: Any) -> float:
    """The loss's gradient by the parameter at 1, per row."""
    if engine == "pyro":
        pyro.set_rng_seed(0)

        def dropped():
            return dropout(torch.ones(ROWS), 0.5)

        pair = program(pyro, pdist, dropped, torch.tensor(1.0))
        with pyro.get_param_store().scope():
            objective(*pair, torch.tensor(DATA)).backward()
            leaf: Any = pyro.param("loc")
            return float(leaf.grad) / ROWS

    def masked():
        key: Any = numpyro.prng_key()
        return 2.0 * jax.random.bernoulli(key, 0.5, (ROWS,))

    pair = program(numpyro, ndist, masked, jnp.array(1.0))
    pair = objective.attach(*pair)
    key = jax.random.PRNGKey(1)

    def loss(at):
        return objective.loss(key, {"loc": at}, *pair, jnp.array(DATA))

    return float(jax.jit(jax.grad(loss))(1.0)) / ROWS


# The standard deviations of these means are below 0.07, and 0.005 for bits: five of them and more.
@pytest.mark.parametrize("objective", [ELBO(analytic_kl=False), STL()], ids=repr)
@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_gradients_through_draws(engine, objective):
    assert slope(engine, normals, objective) == pytest.approx(2 * 2.0, abs=0.35)


LOGIT = 1 / (1 + math.exp(-2))


@pytest.mark.parametrize("objective", [ARM(), DisARM(), MuProp()], ids=repr)
@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_gradients_of_discrete_draws(engine, objective):
    exact = 0.5 * 2 * 2 * LOGIT * (1 - LOGIT)  # KL's, where the unit is not dropped
    assert slope(engine, bits, objective) == pytest.approx(exact, abs=0.03)
