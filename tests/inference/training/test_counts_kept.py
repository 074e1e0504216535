"""State of a NumPyro program that is a plain number when it begins."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer import SVI, Trace_ELBO
from numpyro.optim import Adam
from numpyro.primitives import mutable

from inference import ELBO, fit

X = np.array([0.2, -0.7, 1.3], np.float32)


def model(x: Any) -> None:
    start: Any = {"calls": 0}
    count: Any = mutable("count", start)
    count["calls"] = count["calls"] + 1
    with numpyro.plate("data", len(x)):
        z = numpyro.sample("z", dist.Normal(0.0, 1.0))
        numpyro.sample("x", dist.Normal(z, 1.0), obs=x)


def guide(x: Any) -> None:
    with numpyro.plate("data", len(x)):
        numpyro.sample("z", dist.Normal(numpyro.param("slope", 0.1) * x, 0.7))


def test_a_count_goes_on_as_under_upstreams_own_loop() -> None:
    run = fit((model, guide), [(X,)], objective=ELBO(), steps=3, progress=False)
    svi = SVI(model, guide, Adam(0.01), Trace_ELBO())
    state = svi.init(jax.random.PRNGKey(0), X)
    for _ in range(3):
        state, _ = svi.update(state, X)
    assert run.parameters["count.calls"] == state.mutable_state["count"]["calls"]
