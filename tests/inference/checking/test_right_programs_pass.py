# type: ignore  # as users write them
"""Right programs that `check_pair` once blamed, and mistakes beside them that it still finds."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as npdist
import pyro
import pyro.contrib.gp as gp
import pyro.distributions as dist
import pytest
import torch
from numpyro.infer.autoguide import AutoNormal as OfNumPyro
from pyro import poutine
from pyro.infer.autoguide import AutoNormal
from torch.distributions import constraints

from inference import check_pair

Y = torch.tensor([0.3, -1.2, 0.8, 2.1, -0.4, 0.9])
X = torch.linspace(0, 1, 6)


def failed(pair, *batch):
    pyro.clear_param_store()
    return {finding.check for finding in check_pair(pair, *batch).failed}


def by_auto_normal(model, *batch):
    return failed((model, AutoNormal(model)), *batch)


def neighbours(adjacency, counts):
    """A map whose areas hang together: its matrix has a row for each area, and a column."""
    phi = numpyro.sample("phi", npdist.CAR(jnp.zeros(len(adjacency)), 0.5, 1.0, adjacency))
    with numpyro.plate("areas", len(adjacency)):
        numpyro.sample("counts", npdist.Poisson(jnp.exp(phi)), obs=counts)


def sees_other_rows(x, y):
    """As many weights as rows are no draw for each row."""
    weights = numpyro.sample("weights", npdist.Normal(jnp.zeros(6), 1.0).to_event(1))
    with numpyro.plate("data", len(x)):
        numpyro.sample("y", npdist.Normal(x * weights.sum() + y.mean(), 0.5), obs=y)


def test_rows_that_hang_together_by_one_draw():
    ring = np.roll(np.eye(6), 1, 0) + np.roll(np.eye(6), -1, 0)
    cases = (
        (neighbours, (ring.astype(np.float32), np.array([2, 0, 1, 3, 1, 2])), False),
        (sees_other_rows, (X.numpy(), Y.numpy()), True),
    )
    for model, batch, mistaken in cases:
        found = failed((model, OfNumPyro(model)), *batch)
        assert ("rows-alone" in found) == bool(found) == mistaken, model


def test_a_value_that_a_handler_holds_in_single_precision():
    """A number of float64 times it would be a float32, which finite differences do not see."""

    def model(x, y):
        w = pyro.sample("w", dist.Normal(0.0, 1.0))
        with pyro.plate("data", 6):
            t = pyro.sample("t", dist.Normal(x, 1.0))
            pyro.sample("y", dist.Normal(w * t, 1.0), obs=y)

    assert by_auto_normal(poutine.do(model, data={"t": torch.ones(6)}), X, Y) == set()


def branching(y):
    c = pyro.sample("c", dist.Bernoulli(0.5))
    u = pyro.sample("u", dist.Normal(3.0 if c else -3.0, 1.0))
    with pyro.plate("data", len(y)):
        pyro.sample("y", dist.Normal(u, 1.0), obs=y)


@pytest.mark.parametrize("mistaken", [False, True])
def test_a_parameter_of_a_branch(mistaken):
    def guide(y):
        high, low = pyro.param("high", torch.tensor(1.0)), pyro.param("low", torch.tensor(-1.0))
        c = pyro.sample("c", dist.Bernoulli(logits=pyro.param("logit", torch.tensor(0.0))))
        pyro.sample("u", dist.Normal(high if c or mistaken else low, 1.0))

    found = failed((branching, guide), Y)
    assert found == ({"guide-parameters-have-gradients"} if mistaken else set())


@pytest.mark.filterwarnings("ignore:The `random_module` primitive is deprecated:FutureWarning")
def test_a_network_whose_weights_are_all_drawn():
    net = torch.nn.Linear(1, 1)
    shapes = {"weight": (1, 1), "bias": (1,)}

    def lifted(means):
        laws = {n: dist.Normal(means[n], 1.0).to_event(len(s)) for n, s in shapes.items()}
        return pyro.random_module("net", net, laws)()

    def model(x, y):
        drawn = lifted({name: torch.zeros(shape) for name, shape in shapes.items()})
        with pyro.plate("data", len(x)):
            pyro.sample("y", dist.Normal(drawn(x[:, None])[:, 0], 0.5), obs=y)

    def guide(x, y):
        lifted({name: pyro.param(f"{name}_at", torch.zeros(s)) for name, s in shapes.items()})

    assert failed((model, guide), X, Y) == set()


def test_a_likelihood_that_draws_noise_is_not_compared_in_float64():
    """Its other random numbers there moved log p by a nat."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        classes = torch.tensor([0.0, 1, 2, 0, 1, 2])
        model = gp.models.VariationalSparseGP(
            X, classes, gp.kernels.RBF(1), Xu=X[::2].clone(), latent_shape=torch.Size([3]),
            likelihood=gp.likelihoods.MultiClass(3), jitter=1e-3,
        )  # fmt: skip
        assert failed((model.model, model.guide)) == set()


def improper_in_pyro(y):
    m = pyro.sample("m", dist.ImproperUniform(constraints.real, (), ()))
    with pyro.plate("data", len(y)):
        pyro.sample("y", dist.Normal(m, 1.0), obs=y)


def guide_in_pyro(y):
    at, scale = pyro.param("at", torch.tensor(0.0)), pyro.param("scale", torch.tensor(1.0))
    pyro.sample("m", dist.Normal(at, scale))


def improper_in_numpyro(y):
    law = npdist.ImproperUniform(npdist.constraints.real, (), ())
    m = numpyro.sample("m", law)
    with numpyro.plate("data", len(y)):
        numpyro.sample("y", npdist.Normal(m, 1.0), obs=y)


def guide_in_numpyro(y):
    at, scale = numpyro.param("at", 0.0), numpyro.param("scale", jnp.array(1.0))
    numpyro.sample("m", npdist.Normal(at, scale))


@pytest.mark.parametrize(
    "pair", [(improper_in_pyro, guide_in_pyro), (improper_in_numpyro, guide_in_numpyro)]
)
def test_a_prior_that_has_no_draws(pair):
    assert failed(pair, np.asarray(Y)) == set()
