"""Many gradients at once on Pyro: each is that of one evaluation at its own draws."""

from __future__ import annotations

import random
from types import SimpleNamespace

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch

from inference import ELBO, STL, SUMO
from inference.engines.pyro.gradients import gradients
from inference.engines.pyro.vectorisation import CannotVectoriseError, many_gradients

MEAN, SCALE = 0.3, 0.7
X = np.array([[1.5], [-0.4]], dtype=np.float32)


def pair() -> SimpleNamespace:
    """z ~ N(0, 1), x ~ N(z, 1); guide: z ~ N(m, e^s)."""

    def model(x: torch.Tensor) -> None:
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z, 1.0).to_event(1), obs=x)

    def guide(x: torch.Tensor) -> None:
        m = pyro.param("m", torch.tensor([MEAN]))
        s = pyro.param("s", torch.tensor([SCALE]).log())
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(m, s.exp()).to_event(1))

    return SimpleNamespace(engine="pyro", model=model, guide=guide)


# log w = -(x - z)^2 / 2 - z^2 / 2 + e^2 / 2 + s at z = m + exp(s) e has the slopes x - 2 z by m and
# (x - 2 z) exp(s) e + 1 by s; without those of log q by its parameters, (z - m) / exp(2 s) more.
@pytest.mark.parametrize("objective", [ELBO(analytic_kl=False), STL()], ids=repr)
def test_each_gradient_is_that_of_its_own_draw(objective: ELBO) -> None:
    x = X[:1]
    found, losses = gradients(pair(), objective, (x,), 600)
    by_mean, by_scale = -found["m"][:, 0], -found["s"][:, 0]
    path = isinstance(objective, STL)
    pull = 1 / SCALE**2 if path else 0.0
    z = (by_mean - x[0, 0] + pull * MEAN) / (pull - 2)
    noise = (z - MEAN) / SCALE
    slope = by_mean * noise * SCALE + (0 if path else 1)
    np.testing.assert_allclose(by_scale, slope, rtol=1e-3, atol=1e-4)
    log_w = -((x[0, 0] - z) ** 2) / 2 - z**2 / 2 - np.log(2 * np.pi) / 2
    np.testing.assert_allclose(-losses, log_w + noise**2 / 2 + np.log(SCALE), rtol=1e-4, atol=1e-4)
    # 600 draws: five standard errors each; the rows of several calls are not repeated.
    assert len(np.unique(noise)) == 600
    assert abs(noise.mean()) < 5 / 600**0.5
    assert abs(noise.var() - 1) < 5 * (2 / 600) ** 0.5


def test_an_integer_that_is_drawn_decides_for_its_own_evaluation() -> None:
    def loss() -> torch.Tensor:
        drawn = torch.rand(1)
        number = int(drawn * 3)  # a slope of `drawn` in the tens, and of how many were added after
        added = [torch.ones(1) for _ in range(number)]
        return (pyro.param("a", STORED) * (drawn + 10 * sum(added, torch.zeros(1)))).sum()

    with pyro.get_param_store().scope(), torch.random.fork_rng():
        torch.manual_seed(0)
        pyro.param("a", STORED)
        leaf = pyro.get_param_store()._params["a"]
        loss().backward()
        found, losses = many_gradients(loss, {"a": leaf}, 300)
    slopes = found["a"][:, 0]
    drawn = slopes % 10
    np.testing.assert_array_equal(slopes // 10, np.floor(3 * drawn))
    np.testing.assert_allclose(losses, 2 * slopes, rtol=1e-6)
    assert len(np.unique(drawn)) > 290  # two of 300 agree to 1e-6 in one of twenty-five sets


def test_a_number_of_terms_that_is_drawn_is_no_loop() -> None:
    found, losses = gradients(pair(), SUMO(1), (X,), 20)
    assert found["m"].shape == (20, 1)
    assert len(np.unique(losses)) == 20


STORED = torch.tensor([2.0])


def _of_the_store() -> torch.Tensor:
    return (pyro.param("a", STORED) * torch.randn(1)).sum()


def _twice() -> torch.Tensor:
    return _of_the_store() * (int(_of_the_store() > 0) + int(_of_the_store() > 1))


LOSSES = {
    "decides twice": _twice,
    "looks at values": lambda: _of_the_store() * (1 if _of_the_store().item() > 0 else 2),
    "draws without torch": lambda: _of_the_store() * random.random(),
    "draws by NumPy": lambda: _of_the_store() * np.random.random(),
    "changes what is shared": lambda: _of_the_store() + torch.zeros(1).add_(_of_the_store()).sum(),
    "takes parameters from elsewhere": lambda: (LEAF["a"] * torch.randn(1)).sum(),
}
LEAF: dict[str, torch.Tensor] = {}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_what_cannot_be_done_at_once_is_said_and_leaves_the_draws_alone(loss) -> None:
    with pyro.get_param_store().scope(), torch.random.fork_rng():
        pyro.param("a", STORED)
        LEAF["a"] = pyro.get_param_store()._params["a"]
        loss().backward()
        before = torch.get_rng_state()
        with pytest.raises(CannotVectoriseError):
            many_gradients(loss, dict(LEAF), 30)
        assert torch.equal(torch.get_rng_state(), before)
        assert pyro.get_param_store()._params["a"] is LEAF["a"]
