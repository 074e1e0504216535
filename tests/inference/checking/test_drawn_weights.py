"""A network whose weights are latents has nothing to register, and one that is called bare has."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpyro
import numpyro.distributions as npdist
import pyro
import pyro.distributions as dist
import pytest
import torch
from flax import nnx
from numpyro.contrib.module import random_nnx_module
from numpyro.infer.autoguide import AutoNormal as NumPyroAutoNormal
from torch import Tensor, nn

from inference import check_pair

X = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)


def lifted_by_pyro(*, bare: bool) -> Any:
    network = nn.Linear(3, 1)

    def drawn(scale: Any) -> Any:
        laws = {
            name: dist.Normal(torch.zeros_like(weight), scale).to_event(weight.dim())
            for name, weight in network.named_parameters()
        }
        return pyro.random_module("net", network, laws)()  # pyright: ignore[reportCallIssue]

    def model(x: Tensor) -> None:
        mean = drawn(1.0)(x) if not bare else network(x) + pyro.sample("z", dist.Normal(0.0, 1.0))
        with pyro.plate("data", len(x)):
            pyro.sample("y", dist.Normal(mean[:, 0], 1.0), obs=x.sum(-1))

    def guide(x: Tensor) -> None:
        del x
        scale = pyro.param("scale", torch.tensor(0.1), constraint=dist.constraints.positive)
        if bare:
            pyro.sample("z", dist.Normal(0.0, scale))
        else:
            drawn(scale)

    return model, guide


def lifted_by_numpyro(*, bare: bool) -> Any:
    network = nnx.Linear(3, 1, rngs=nnx.Rngs(0))

    def model(x: Any) -> None:
        if bare:
            mean = network(x) + numpyro.sample("z", npdist.Normal(0.0, 1.0))
        else:
            mean = random_nnx_module("net", network, prior=npdist.Normal(0.0, 1.0))(x)
        with numpyro.plate("data", len(x)):
            numpyro.sample("y", npdist.Normal(mean[:, 0], 1.0), obs=x.sum(-1))

    return model, NumPyroAutoNormal(model)


@pytest.mark.filterwarnings("ignore:The `random_module` primitive is deprecated")
@pytest.mark.parametrize("pair", [lifted_by_pyro, lifted_by_numpyro])
@pytest.mark.parametrize("bare", [False, True])
def test_only_a_network_that_is_called_bare_is_to_be_registered(pair: Any, *, bare: bool) -> None:
    check = "networks-are-registered"
    report = check_pair(pair(bare=bare), X, checks=[check])
    assert [each.check for each in report.failed] == ([check] if bare else [])
