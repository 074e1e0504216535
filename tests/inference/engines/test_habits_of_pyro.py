"""Habits of Pyro's users: plates that are given their rows, guides that observe, own laws."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyro
import pytest
import torch
from pyro import distributions as dist

from inference import check_pair, fit, log_likelihood
from inference.engines import load_engine
from inference.objectives import ELBO, IWAE, RWS, Objective, WakeSleep

X = np.random.default_rng(0).normal(size=12).astype(np.float32)


def gaussian(*, given: bool) -> Any:
    """z_n ~ N(0, 1), x_n ~ N(w z_n, 1), with rows that come from the plate or from the argument."""

    def model(x: Any) -> None:
        w = pyro.param("w", torch.tensor(0.5))
        with pyro.plate("data", len(x), subsample=x if given else None) as taken:
            rows: Any = taken
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(w * z, 1.0), obs=rows if given else x)

    def guide(x: Any) -> None:
        a = pyro.param("a", torch.tensor(0.5))
        with pyro.plate("data", len(x), subsample=x if given else None) as taken:
            rows: Any = taken
            pyro.sample("z", dist.Normal(a * (rows if given else x), 1.0))

    return SimpleNamespace(engine="pyro", model=model, guide=guide)


@pytest.mark.parametrize(
    "objective", [ELBO(2), IWAE(3), WakeSleep(), RWS(2, "both"), RWS(2, "sleep")], ids=repr
)
def test_rows_that_a_plate_is_given_are_those_of_the_argument(objective: Objective) -> None:
    """In a sleep phase the guide reads what the model has dreamt, not the data."""
    found = []
    for given in (False, True):
        pyro.clear_param_store()
        pair = gaussian(given=given)
        found.append(load_engine("pyro").gradients(pair, objective, (X,), 3))
    np.testing.assert_array_equal(found[0][1], found[1][1])
    for name, slope in found[0][0].items():
        np.testing.assert_array_equal(slope, found[1][0][name])


def test_rows_that_a_plate_is_given_are_evaluated() -> None:
    pyro.clear_param_store()
    exact = -0.5 * X**2 / 1.25 - 0.5 * np.log(2 * np.pi * 1.25)
    estimate = log_likelihood(gaussian(given=True), X, num_particles=4_000)
    np.testing.assert_allclose(estimate.per_datum, exact, atol=0.15)  # 4,000 draws: < 0.05
    assert not check_pair(gaussian(given=True), X).failed


class Own(dist.TorchDistribution):
    """N(loc, 1) by somebody who says no more than draws and densities need."""

    has_rsample = True

    def __init__(self, loc: torch.Tensor) -> None:
        self.loc = loc
        super().__init__(loc.shape, validate_args=False)

    def rsample(self, sample_shape: Any = torch.Size()) -> torch.Tensor:  # noqa: B008
        return self.loc + torch.randn(sample_shape + self.loc.shape)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Own:
        return Own(self.loc.expand(batch_shape))

    def log_prob(self, value: torch.Tensor) -> torch.Tensor:
        return -0.5 * (value - self.loc) ** 2 - 0.5 * np.log(2 * np.pi)


@pytest.mark.parametrize("objective", [ELBO(), IWAE(3), WakeSleep()], ids=repr)
def test_a_law_of_ones_own_may_say_nothing_of_its_arguments(objective: Objective) -> None:
    def model(x: Any) -> None:
        w = pyro.param("w", torch.tensor(0.5))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", Own(0 * x))
            pyro.sample("x", dist.Normal(w * z, 1.0), obs=x)

    def guide(x: Any) -> None:
        a = pyro.param("a", torch.tensor(0.5))
        with pyro.plate("data", len(x)):
            pyro.sample("z", Own(a * x))

    pyro.clear_param_store()
    run = fit((model, guide), X, objective=objective, steps=2, progress=False)
    assert np.isfinite(run.history.loss).all()
    assert np.isfinite(log_likelihood(run.pair, X, num_particles=5).mean)
    assert not check_pair((model, guide), X).failed


def test_a_guide_that_observes_has_the_same_sites_in_all_draws() -> None:
    """What a guide observes is no part of q, and does not come and go."""

    def model(x: Any, t: Any) -> None:
        w = pyro.param("w", torch.tensor(0.5))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("t", dist.Bernoulli(logits=z), obs=t)
            pyro.sample("x", dist.Normal(w * z + t, 1.0), obs=x)

    def guide(x: Any, t: Any) -> None:
        a = pyro.param("a", torch.tensor(0.5))
        with pyro.plate("data", len(x)):
            t = pyro.sample("t", dist.Bernoulli(logits=a * x), obs=t, infer={"is_auxiliary": True})
            pyro.sample("z", dist.Normal(a * (x - t), 1.0))

    pyro.clear_param_store()
    data = X, (X > 0).astype(np.float32)
    run = fit((model, guide), data, objective=IWAE(3), steps=2, progress=False)
    assert np.isfinite(run.history.loss).all()


def test_what_a_state_makes_impossible_is_no_matter_of_precision() -> None:
    """A probability of zero is the smallest number of each precision, and meant."""

    def model(seen: Any) -> None:
        rate = pyro.sample("rate", dist.Beta(2.0, 2.0))
        with pyro.plate("data", len(seen)):
            alive = pyro.sample("alive", dist.Bernoulli(0.5 + 0 * seen))
            pyro.sample("seen", dist.Bernoulli(rate * alive), obs=seen)

    def guide(seen: Any) -> None:
        pyro.sample("rate", dist.Beta(3.0, 3.0))
        p = pyro.param("p", torch.tensor(0.0))
        with pyro.plate("data", len(seen)):
            pyro.sample("alive", dist.Bernoulli(logits=p + 0 * seen))

    pyro.clear_param_store()
    report = check_pair((model, guide), (X > 0).astype(np.float32), checks=["float32-is-enough"])
    assert not report.failed
