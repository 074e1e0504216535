"""A critic is made for the columns of the first batch, and says so to a batch of others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from inference import Adversarial
from inference.errors import ObjectiveError

WIDE, NARROW = np.zeros((6, 3), np.float32), np.zeros((6, 2), np.float32)
SAID = r"'critic.0.weight' has the shape \(3, 4\).* needs \(2, 4\); give it as many columns"


def test_on_pyro():
    import pyro
    import pyro.distributions as dist
    import pyro.infer
    import torch
    from pyro.optim import Adam  # pyright: ignore[reportAttributeAccessIssue]

    columns = [3]

    def model(x: Any = None, *, size: int = 1) -> Any:
        shift = pyro.param("shift", torch.zeros(()))
        with pyro.plate("data", size if x is None else len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(()), 1.0))
            mean = (z + shift)[..., None].expand(*z.shape, *columns)
            pyro.sample("x", dist.Normal(mean, 1.0).to_event(1), obs=x)
            return mean

    def guide(x: Any = None, **_: Any) -> None:
        del x

    with pyro.get_param_store().scope():
        svi: Any = pyro.infer.SVI(model, guide, Adam({"lr": 0.1}), loss=Adversarial(hidden=(4,)))
        assert np.isfinite(svi.step(torch.from_numpy(WIDE)))
        columns[:] = [2]
        with pytest.raises(ObjectiveError, match=SAID):
            svi.step(torch.from_numpy(NARROW))


def test_on_numpyro():
    import jax
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist
    import optax
    from numpyro.infer import SVI

    columns = [3]

    def model(x: Any = None, *, size: int = 1) -> Any:
        shift: Any = numpyro.param("shift", jnp.zeros(()))
        with numpyro.plate("data", size if x is None else len(x)):
            z: Any = numpyro.sample("z", dist.Normal())
            mean = jnp.broadcast_to((z + shift)[..., None], (*z.shape, *columns))
            numpyro.sample("x", dist.Normal(mean).to_event(1), obs=x)
            return mean

    objective = Adversarial(hidden=(4,))
    svi = SVI(*objective.attach(model, lambda *_, **__: None), optax.adam(0.1), loss=objective)
    state, loss = svi.update(svi.init(jax.random.PRNGKey(0), WIDE), WIDE)
    assert np.isfinite(loss)
    columns[:] = [2]
    with pytest.raises(ObjectiveError, match=SAID):
        svi.update(state, NARROW)
