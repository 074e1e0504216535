"""Pyro programs in float64, and parameters that only their own initial values make sense of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import orthogonal

from inference import check_pair

X = np.random.default_rng(0).normal(size=(8, 3))


def pair(decoder: nn.Module, real: torch.dtype) -> Any:
    encoder = nn.Linear(3, 4).to(real)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2, dtype=real), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 0.5).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            loc, log_scale = encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return model, guide


@pytest.fixture(autouse=True)
def _empty_store():
    pyro.clear_param_store()
    yield
    pyro.clear_param_store()


@pytest.mark.parametrize("data", [X, torch.tensor(X), X.astype(np.float32)])
def test_networks_of_float64_get_data_of_float64(data):
    assert not check_pair(pair(nn.Linear(2, 3).double(), torch.float64), data).failed


def test_a_parameter_with_whole_numbers_in_it_has_its_gradient():
    """The diagonal of an orthogonal weight's parameter says signs, +1 or -1, as whole numbers."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = pair(orthogonal(nn.Linear(2, 3)), torch.float32)
    assert not check_pair(made, X).failed
