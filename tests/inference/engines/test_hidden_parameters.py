"""Parameters that `poutine.block` hides stay as they are, as under Pyro's own SVI."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import SVI, Trace_ELBO
from torch import Tensor

from inference import ELBO, fit

X = torch.tensor([0.3, -1.2, 2.0, 0.7])


def model(x: Tensor) -> None:
    z = pyro.sample("z", dist.Normal(0.0, 5.0))
    with pyro.plate("data", len(x)):
        pyro.sample("x", dist.Normal(z, 1.0), obs=x)


def guide(x: Tensor, name: str = "new") -> Any:
    del x
    loc = pyro.param(f"loc_{name}", torch.tensor(0.5))
    return pyro.sample("z", dist.Normal(loc, 0.5))


def partly_frozen(x: Tensor) -> None:
    """A drift that is used and hidden, as for what was fitted before."""
    with poutine.block(hide_types=["param"]):
        drift = pyro.param("drift", torch.tensor(0.2))
    loc = pyro.param("loc_new", torch.tensor(0.5))
    pyro.sample("z", dist.Normal(loc + drift, 0.5))


def residual(model: Any, guide: Any, x: Tensor) -> Tensor:
    """As in Pyro's tutorial of boosting, against a component that was fitted before."""
    seen = poutine.trace(guide)
    loss = Trace_ELBO().differentiable_loss(model, seen, x)
    earlier = poutine.block(lambda x: globals()["guide"](x, "old"), expose=["z"])
    replayed = poutine.trace(poutine.replay(earlier, trace=seen.trace))
    return loss + replayed.get_trace(x).log_prob_sum()


@pytest.mark.parametrize(
    ("proposal", "objective", "hidden"),
    [
        (partly_frozen, ELBO(analytic_kl=False), "drift"),
        (partly_frozen, Trace_ELBO(), "drift"),
        (guide, residual, "loc_old"),
    ],
    ids=["elbo", "upstream", "function"],
)
def test_what_a_block_hides_is_not_trained(proposal: Any, objective: Any, hidden: str) -> None:
    with pyro.get_param_store().scope():
        run = fit((model, proposal), [(X,)], objective=objective, steps=4, seed=1, progress=False)
        ours = run.parameters
    with pyro.get_param_store().scope(), torch.random.fork_rng():
        pyro.set_rng_seed(1)
        loss = Trace_ELBO() if isinstance(objective, ELBO) else objective
        optimiser: Any = pyro.optim.Adam({"lr": 1e-3})  # pyright: ignore[reportAttributeAccessIssue]
        svi = SVI(model, proposal, optimiser, loss)
        for _ in itertools.repeat(None, 4):
            svi.step(X)
        theirs = {n: v.detach().numpy() for n, v in pyro.get_param_store().items()}
    assert ours[hidden] == theirs[hidden] == np.float32(0.2 if hidden == "drift" else 0.5)
    np.testing.assert_allclose(ours["loc_new"], theirs["loc_new"], rtol=1e-6)
