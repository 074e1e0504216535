# type: ignore  # as users write them
"""Pyro's own losses as objectives of `fit`, and pairs that hold pre-trained guides."""

from __future__ import annotations

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from numpy.testing import assert_allclose
from pyro.infer import SVI, TraceTailAdaptive_ELBO
from pyro.infer.autoguide import AutoDiagonalNormal, AutoNormal
from pyro.infer.reparam import NeuTraReparam
from pyro.optim import Adam

from inference import fit, valid_objectives
from inference.errors import ObjectiveError

X = torch.tensor([0.3, -1.2, 0.8, 2.1])


@pytest.fixture(autouse=True)
def _empty_store():
    pyro.clear_param_store()
    yield
    pyro.clear_param_store()


def model(x):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        pyro.sample("x", dist.Normal(z, 1.0), obs=x)


def guide(x):
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Normal(pyro.param("at", torch.zeros(4)), 0.7))


def tail_adaptive():
    return TraceTailAdaptive_ELBO(num_particles=5, vectorize_particles=True)


def test_a_loss_that_gives_infinity_trains_as_upstream():
    run = fit(
        (model, guide), [(X,)], objective=tail_adaptive(), steps=4, seed=3,
        optimizer=Adam({"lr": 0.1}), progress=False,
    )  # fmt: skip
    pyro.set_rng_seed(3)
    svi = SVI(model, guide, Adam({"lr": 0.1}), tail_adaptive())
    assert np.isinf([svi.step(X) for _ in range(4)]).all()
    assert_allclose(run.parameters["at"], pyro.param("at").detach().numpy(), rtol=1e-6)
    assert np.isfinite(run.history.loss).all()


def test_it_judges_no_validation_data():
    given = {"objective": tail_adaptive(), "steps": 1, "progress": False, "valid": X.numpy()}
    with pytest.raises(ObjectiveError, match="valid_objective='elbo'"):
        fit((model, guide), X.numpy(), **given)
    run = fit((model, guide), X.numpy(), **given, valid_objective="elbo")
    assert np.isfinite(run.history.valid_bound).all()


def test_a_model_that_holds_a_trained_autoguide():
    """Functions are not copied, and so it is not, when the guide around it is."""

    def schools(y):
        mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
        with pyro.plate("data", len(y)):
            theta = pyro.sample("theta", dist.Normal(mean, 1.0))
            pyro.sample("y", dist.Normal(theta, 1.0), obs=y)

    trained = AutoDiagonalNormal(schools)
    trained(X)
    transported = NeuTraReparam(trained).reparam(schools)
    pair = transported, AutoNormal(transported)
    assert "ELBO" in valid_objectives(pair, X).valid
    assert trained.model is not None
