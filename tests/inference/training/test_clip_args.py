"""A `pyro.optim` optimiser with `clip_args` clips each parameter apart, as in Pyro's own SVI."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import SVI, Trace_ELBO

from inference import fit

optim: Any = importlib.import_module("pyro.optim")  # it makes its classes as it is imported
X = torch.tensor([1.0, 3.0, -2.0, 8.0])
OPTIMISERS: dict[str, Callable[[], Any]] = {
    "norm": lambda: optim.Adam({"lr": 0.05}, {"clip_norm": 0.5}),
    "value": lambda: optim.SGD({"lr": 0.05}, {"clip_value": 0.3}),
    "by name": lambda: optim.SGD(
        lambda name: {"lr": 0.1 if name == "loc" else 0.05},
        lambda _, name: {"clip_norm": 0.5} if name == "loc" else {},
    ),
}


def model(x):
    noise = pyro.param("noise", torch.tensor(0.5), constraint=dist.constraints.positive)
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        pyro.sample("x", dist.Normal(z, noise), obs=x)


def guide(x):
    loc = pyro.param("loc", torch.zeros(2))
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Normal(loc[0] + loc[1] * x, 0.5))


@pytest.mark.parametrize("kind", OPTIMISERS)
def test_it_trains_as_upstream(kind):
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    svi = SVI(model, guide, OPTIMISERS[kind](), Trace_ELBO())
    for _ in range(5):
        svi.step(X)
    upstream = pyro.get_param_store().get_state()["params"]
    upstream = {name: value.detach().clone() for name, value in upstream.items()}

    pyro.clear_param_store()
    settings: Any = {"objective": Trace_ELBO(), "optimizer": OPTIMISERS[kind]()}
    run = fit((model, guide), [(X,)], steps=5, seed=0, progress=False, **settings)
    ours = run.pair.store["params"]
    assert ours.keys() == upstream.keys()
    for name, value in upstream.items():
        torch.testing.assert_close(ours[name].detach(), value, rtol=1e-6, atol=1e-6)
