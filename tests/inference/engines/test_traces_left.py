"""To look at a pair leaves no trace in it: not in its data, networks, flows or random states."""

from __future__ import annotations

import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pyro.distributions.transforms as flows
import pytest
import torch
from pyro import poutine
from pyro.infer import SVI, Trace_ELBO
from pyro.infer.autoguide import AutoNormal
from torch import Tensor, nn

from inference import ELBO, check_pair, fit, log_likelihood, valid_objectives
from inference.engines.pyro import counters
from inference.engines.pyro.inspection import inspect
from inference.errors import ZooError

_REACHED = counters._reached

X = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
X[:, 1] += 0.5 * X[:, 0] ** 2


def adam() -> Any:
    return pyro.optim.Adam({"lr": 0.02})  # pyright: ignore[reportAttributeAccessIssue]


def masked() -> Any:
    return flows.affine_autoregressive(2, hidden_dims=[8])


FLOWS: dict[str, Callable[[], Any]] = {
    "spline": lambda: flows.Spline(2, count_bins=4),
    "autoregressive": masked,
    "composed": lambda: flows.ComposeTransformModule([masked(), flows.permute(2), masked()]),  # pyright: ignore[reportArgumentType]
    "coupling": lambda: flows.spline_coupling(2, hidden_dims=[8]),
}


def flow_pair(flow: Any) -> tuple[Any, Any]:
    """x = f(u), u ~ Normal(z, 1); the flow lives outside of the model and is made once."""

    def model(x: Tensor) -> None:
        pyro.module("flow", flow)
        base = pyro.param("base", torch.zeros(2))
        made = dist.TransformedDistribution(dist.Normal(base, 1.0).to_event(1), [flow])
        with pyro.plate("data", len(x)):
            pyro.sample("x", made, obs=x)

    return model, lambda x: None


def after(loss: Any, how: str, kind: str, steps: int = 50) -> float:
    """The loss per datum at the end of a training on one tensor."""
    torch.manual_seed(0)
    with pyro.get_param_store().scope():
        both = flow_pair(FLOWS[kind]())
        if how == "fit":
            run = fit(both, X, objective=loss, steps=steps, learning_rate=0.02, progress=False)
            return float(-log_likelihood(run.pair, X).mean)
        svi: Any = SVI(*both, adam(), loss)
        x = torch.tensor(X)
        for _ in range(steps):
            # Upstream's loss can only take a tensor that its transforms have not seen before.
            svi.step(x.clone() if isinstance(loss, Trace_ELBO) else x)
        return float(svi.evaluate_loss(x.clone())) / len(x)


@pytest.mark.parametrize("how", ["svi", "fit"])
@pytest.mark.parametrize("kind", FLOWS)
def test_a_flow_as_likelihood_learns_what_upstream_s_loss_learns(kind: str, how: str) -> None:
    start, expected = after(Trace_ELBO(), "svi", kind, 0), after(Trace_ELBO(), how, kind)
    assert start - expected > 0.1
    assert after(ELBO(), how, kind) == pytest.approx(expected, abs=0.01)


class Counting(nn.Module):
    """Keeps whatever a network may keep."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2)
        self.spectral = nn.utils.parametrizations.spectral_norm(nn.Linear(2, 2))
        self.out, self.calls, self.total = nn.Linear(2, 4), 0, torch.zeros(2)
        self.remembered: Tensor | None = None
        self.noise = nn.Dropout()

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.total += x.mean(0)
        self.eval()
        self.train()
        self.noise.eval()  # and leaves it so
        if self.remembered is None:
            self.remembered = self.out.weight.exp()
        _ = random.random(), np.random.random(), torch.rand(1)
        return self.out(self.spectral(self.norm(x))) + 0 * self.remembered.sum()


def networked(network: Any) -> tuple[Any, Any]:
    def model(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z, 1.0).to_event(1), obs=x)

    def guide(x: Tensor) -> None:
        pyro.module("network", network)
        both: Any = network(x)
        loc, log_scale = both.chunk(2, -1)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return model, guide


def state(network: Counting) -> dict[str, Any]:
    kept: dict[str, Any] = {n: b.tolist() for n, b in network.named_buffers()}
    kept |= {n: p.requires_grad for n, p in network.named_parameters()}
    kept |= {"modes": [m.training for m in network.modules()], "calls": network.calls}
    kept |= {"total": network.total.tolist(), "remembered": network.remembered}
    kept["random"] = (
        random.getstate(),
        str(np.random.get_state()),
        torch.get_rng_state().tolist(),
    )
    return kept


LOOKS: dict[str, Callable[[Any], Any]] = {
    "inspect": lambda both: inspect(both[0], both[1], (torch.tensor(X),), {}),
    "valid_objectives": lambda both: valid_objectives(both, X),
    "log_likelihood": lambda both: log_likelihood(both, X, num_particles=2),
    "check_pair": lambda both: check_pair(both, X[:7], checks=["runs-together", "repeatable"]),
}


@pytest.mark.parametrize("look", LOOKS)
def test_whoever_looks_puts_everything_back(look: str) -> None:
    network = Counting()
    network.out.bias.requires_grad_(False)
    before = state(network)
    with pyro.get_param_store().scope():
        LOOKS[look](networked(network))
    assert state(network) == before


@pytest.mark.parametrize("particles", [1, 3])
def test_a_step_moves_averages_once(particles: int) -> None:
    """As upstream's loss moves them: the guide, which normalises the data, runs once."""
    moved = []
    for loss in (ELBO(particles), Trace_ELBO()):
        torch.manual_seed(0)
        network = Counting()
        with pyro.get_param_store().scope():
            svi = SVI(*networked(network), adam(), loss)
            svi.step(torch.tensor(X))
        moved.append((network.norm.running_mean, network.norm.num_batches_tracked, network.calls))
    (mean, batches, calls), (expected, *counts) = moved
    torch.testing.assert_close(mean, expected)
    assert [batches, calls] == counts


def test_an_autoguide_that_failed_on_bad_data_is_as_before() -> None:
    def model(x: Tensor) -> None:
        mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(mean, x.reshape(40, 2).std()), obs=x[:, 0])

    guide = AutoNormal(model)
    with pyro.get_param_store().scope():
        with pytest.raises((ZooError, RuntimeError)):
            fit((model, guide), X[:7], steps=1, progress=False)
        assert guide.prototype_trace is None
        assert fit((model, guide), X, steps=2, batch_size=40, progress=False).step == 2


def test_data_are_copied_for_a_look() -> None:
    """Who remembers a tensor by identity, features of it say, has not seen the data before."""
    seen: list[Any] = []

    def model(x: Tensor) -> None:
        seen.append(x)
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(pyro.param("loc", torch.zeros(2)), 1.0).to_event(1), obs=x)

    x = torch.tensor(X)
    with pyro.get_param_store().scope():
        structure = inspect(model, lambda x: None, (x,), {})
    assert structure.observed[0].argument == 0
    assert all(each is not x for each in seen)
    assert len(seen) == 1


def annealed_by(where: str) -> tuple[Any, Callable[[], int]]:
    """A pair that counts its own steps, to anneal its latent's terms; and the count."""
    held, counts, listed = SimpleNamespace(steps=0), {"steps": 0}, list[int]()
    steps = 0

    def count() -> int:
        own = {"object": held.steps, "dictionary": counts["steps"], "variable": steps}
        return own.get(where, len(listed))

    def latent(law: Any) -> Any:
        with poutine.scale(scale=0.1 * count()):
            return pyro.sample("z", law)

    def model(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            z = latent(dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z, 1.0).to_event(1), obs=x)

    def guide(x: Tensor) -> None:
        nonlocal steps
        steps, held.steps = steps + 1, held.steps + 1
        counts["steps"] += 1
        listed.append(len(listed))
        slope = pyro.param("slope", torch.tensor(0.4))
        with pyro.plate("data", len(x)):
            latent(dist.Normal(slope * x, 0.7).to_event(1))

    return (model, guide), count


@pytest.mark.parametrize("where", ["object", "dictionary", "variable", "list"])
def test_what_a_program_counts_outside_of_networks_are_steps(where: str) -> None:
    pair, count = annealed_by(where)
    with pyro.get_param_store().scope():
        fit(pair, [(torch.tensor(X),)], steps=3, progress=False)
    assert count() == 3
    assert not check_pair(pair, X[:7]).failed
    assert count() == 3


def test_a_look_reaches_what_the_program_holds_and_no_trainer(monkeypatch: Any) -> None:
    """Each new number beside the data is a look, which went through all that `fit` holds."""
    net = nn.Linear(2, 1)

    def model(x: Tensor, annealing: float) -> None:
        pyro.module("net", net)
        with pyro.plate("data", len(x)), poutine.scale(scale=annealing):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(net(x)[:, 0] + z, 1.0), obs=x[:, 0])

    def guide(x: Tensor, annealing: float) -> None:
        with pyro.plate("data", len(x)), poutine.scale(scale=annealing):
            pyro.sample("z", dist.Normal(x[:, 0], 1.0))

    reached: list[int] = []

    def counted(functions: tuple[Any, ...]) -> Any:
        found = list(_REACHED(functions))
        reached.append(len(found))
        return iter(found)

    monkeypatch.setattr(counters, "_reached", counted)
    x = torch.ones(4, 2)
    batches = [(x, 0.1), (x, 0.2), (x, 0.3)]
    fit((model, guide), batches, steps=3, objective=ELBO(), progress=False)
    assert len(reached) > 3
    assert max(reached) < 100  # there were 1,500
