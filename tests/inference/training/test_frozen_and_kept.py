"""What is not trained is kept, and networks that keep something of their last run can be copied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.nn import PyroModule, PyroParam
from torch import Tensor, nn

from inference import fit, load_run

X = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)


class Gaussian(nn.Module):
    """x_n ~ Normal(W z_n + b, 1); what is added by `prepare` belongs to the test."""

    def __init__(self, prepare: Any = None, *, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.encoder, self.decoder = nn.Linear(3, 2), nn.Linear(2, 3)
        self.decoder.weight.requires_grad_(False)
        if prepare is not None:
            prepare(self)

    def model(self, x: Tensor) -> None:
        pyro.module("gaussian", self)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(self.decoder(z), 1.0).to_event(1), obs=x)

    def guide(self, x: Tensor) -> None:
        pyro.module("gaussian", self)
        with pyro.plate("data", len(x)):
            self.h = self.encoder(x)
            self.all = [self.h, {"half": self.h / 2}]
            pyro.sample("z", dist.Normal(self.h, 0.5).to_event(1))


class Lazy(PyroModule):
    """The same in Pyro's own way, which trains whatever it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        linear: Any = PyroModule[nn.Linear]
        self.encoder, self.decoder = linear(3, 2), linear(2, 3)
        self.scale: Any = PyroParam(torch.tensor(0.5), dist.constraints.positive)
        self.decoder.weight.requires_grad_(False)

    def model(self, x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(self.decoder(z), 1.0).to_event(1), obs=x)

    def guide(self, x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(self.encoder(x), self.scale).to_event(1))


def weights(pair: Any) -> np.ndarray:
    return pair.decoder.weight.detach().numpy().copy()


@pytest.mark.filterwarnings("ignore:(?s).*requires_grad=False")
@pytest.mark.parametrize("kind", [Gaussian, Lazy])
def test_a_frozen_parameter_stays_and_is_kept(kind: Any, tmp_path: Path) -> None:
    pair = kind()
    before = weights(pair)
    bias = pair.decoder.bias.detach().numpy().copy()
    run = fit(pair, X, steps=3, learning_rate=0.1, out=tmp_path, progress=False)
    np.testing.assert_array_equal(weights(run.pair.wrapped), before)
    assert (run.pair.wrapped.decoder.bias.detach().numpy() != bias).all()
    assert not run.pair.wrapped.decoder.weight.requires_grad
    other = kind()
    with torch.no_grad():
        other.decoder.weight.fill_(7.0)
    np.testing.assert_array_equal(
        weights(load_run(tmp_path, pair=other, batch=(X,)).pair.wrapped), before
    )
    with torch.no_grad():
        pair.decoder.weight.copy_(torch.tensor(before))
    onward = fit(pair, X, steps=5, learning_rate=0.1, out=tmp_path, resume=True, progress=False)
    np.testing.assert_array_equal(weights(onward.pair.wrapped), before)


def old_weight_norm(pair: Any) -> None:
    pair.encoder = torch.nn.utils.weight_norm(pair.encoder)


def new_weight_norm(pair: Any) -> None:
    pair.encoder = nn.utils.parametrizations.weight_norm(pair.encoder)


@pytest.mark.filterwarnings("ignore:(?s).*requires_grad=False", "ignore:(?s).*weight_norm")
@pytest.mark.parametrize("prepare", [None, old_weight_norm, new_weight_norm])
def test_a_network_that_has_run_can_be_fitted(prepare: Any) -> None:
    pair = Gaussian(prepare)
    with pyro.get_param_store().scope():
        pair.guide(torch.tensor(X))
    assert pair.h.grad_fn is not None
    first = fit(pair, X, steps=3, learning_rate=0.1, progress=False)
    again = fit(first.pair, X, steps=3, learning_rate=0.1, progress=False)
    for run in (first, again):
        assert np.isfinite(run.history.loss).all()
    assert again.history.loss.iloc[-1] < first.history.loss.iloc[0]
    assert pair.h.grad_fn is not None


def compiled(pair: Any) -> None:
    pair.decoder = torch.compile(pair.decoder, backend="eager")


@pytest.mark.filterwarnings("ignore:(?s).*requires_grad=False", "ignore:The .grad attribute")
@pytest.mark.parametrize("first", [None, compiled])
def test_a_compiled_network_reads_what_the_plain_one_wrote(first: Any, tmp_path: Path) -> None:
    second = compiled if first is None else None
    run = fit(Gaussian(first), X, steps=2, learning_rate=0.1, out=tmp_path, progress=False)
    assert not any("_orig_mod" in name for name in run.parameters)
    read = load_run(tmp_path, pair=Gaussian(second, seed=1), batch=(X,))
    assert read.parameters.keys() == run.parameters.keys()
    for name, value in run.parameters.items():
        np.testing.assert_array_equal(read.parameters[name], value)
