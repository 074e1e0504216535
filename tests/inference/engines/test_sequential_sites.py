"""A likelihood drawn entry by entry has a mean given its own draw, which is no datum."""

from __future__ import annotations

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

from inference import annealed_importance_sampling, fit, valid_objectives
from inference.errors import ArgumentError, ObjectiveError
from inference.objectives import MMD, Adversarial

X = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
each_engine = pytest.mark.parametrize("engine", ENGINES)


class OnPyro(pdist.Normal):
    """Stands for a law of several entries, each given those before."""

    sequential = True


class OnNumPyro(ndist.Normal):
    sequential = True


def pair(engine: str) -> Any:
    """The mean is z, up to 1e-3; draws are far from it."""
    if engine == "pyro":
        library, d, law, zeros = pyro, pdist, OnPyro, torch.zeros
    else:
        library, d, law, zeros = numpyro, ndist, OnNumPyro, jnp.zeros

    def model(x: Any = None, *, size: int = 1) -> Any:
        count = size if x is None else len(x)
        shift = library.param("shift", zeros((2,)))
        with library.plate("data", count):
            z = library.sample("z", d.Normal(zeros((2,)), 1e-3).to_event(1))
            library.sample("x", law(shift + z, 1.0).to_event(1), obs=x)
        return shift + z

    def guide(x: Any) -> None:
        with library.plate("data", len(x)):
            library.sample("z", d.Normal(zeros((2,)), 1e-3).to_event(1))

    return SimpleNamespace(model=model, guide=guide, engine=engine)


@pytest.fixture(autouse=True)
def _own_store():
    with pyro.get_param_store().scope():
        yield


@each_engine
def test_objectives_that_compare_draws_take_draws(engine: str) -> None:
    found = valid_objectives(pair(engine), X)
    for name in ("MMD", "Adversarial"):
        assert "'x'" in found.refused[name]
        assert "draw='sample'" in found.refused[name]
    assert {"ELBO", "IWAE", "InfoVAE"} <= set(found.valid)
    for objective in (MMD(draw="sample"), Adversarial(draw="sample")):
        fit(pair(engine), X, objective=objective, steps=1, learning_rate=0.01)
    with pytest.raises(ObjectiveError, match=r"'x'.*draw='sample'"):
        fit(pair(engine), X, objective=MMD(), steps=1)


@each_engine
def test_samples_and_reconstructions_are_draws(engine: str) -> None:
    run = fit(pair(engine), X, objective="elbo", steps=1, learning_rate=1e-6)
    for shown in (run.sample(400), run.sample(400, mean=False), run.decode(z=np.zeros((400, 2)))):
        assert 0.8 < shown.std() < 1.2  # the means' is 0.001
    np.testing.assert_array_equal(run.sample(9), run.sample(9, mean=False))
    assert run.reconstruct(X).std() > 0.2
    with pytest.raises(ArgumentError, match=r"mean=True.*entry by entry.*for draws"):
        run.sample(3, mean=True)


@each_engine
def test_annealing_with_noise_around_the_mean_is_refused(engine: str) -> None:
    run = fit(pair(engine), X, objective="elbo", steps=1)
    settings: dict[str, Any] = {"num_temperatures": 3, "num_chains": 2}
    with pytest.raises(ObjectiveError, match=r"'x'.*noise_scale"):
        annealed_importance_sampling(run.pair, X, noise_scale=0.5, **settings)
