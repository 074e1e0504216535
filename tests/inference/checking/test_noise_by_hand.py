"""Noise that a Pyro program draws by hand is no mistake: rows in another order see other noise."""

from __future__ import annotations

from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn
from torch.nn import functional

from inference import check_pair

X = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
NOISE: dict[str, Any] = {
    "added": lambda x: x + 0.1 * torch.randn_like(x),
    "left out": lambda x: functional.dropout(x, 0.3),
    "masked": lambda x: x * torch.bernoulli(torch.full_like(x, 0.7)),
}


def pair(in_model: Any, in_guide: Any) -> Any:
    decoder, encoder = nn.Linear(2, 3), nn.Linear(3, 2)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(in_model(decoder(z)), 0.5).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(encoder(in_guide(x)), 0.5).to_event(1))

    return model, guide


def plain(x):
    return x


@pytest.fixture(autouse=True)
def _empty_store():
    pyro.clear_param_store()
    yield
    pyro.clear_param_store()


@pytest.mark.parametrize("where", ["model", "guide"])
@pytest.mark.parametrize("kind", NOISE)
def test_noise_by_hand_is_no_mistake(kind, where):
    made = pair(NOISE[kind], plain) if where == "model" else pair(plain, NOISE[kind])
    assert not check_pair(made, X).failed


def test_rows_that_are_mixed_without_noise_still_are_one():
    mixing = pair(plain, lambda x: x - x.cumsum(0))
    assert {"rows-change-places"} <= {each.check for each in check_pair(mixing, X).failed}
