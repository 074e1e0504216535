"""Sides that take turns under NumPyro's own optimisers, which keep the parameters themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpyro.optim
import optax
import pytest

from inference import fit
from inference.errors import ArgumentError
from inference.objectives import Adversarial
from ppl_models import create

DATA = np.random.default_rng(0).normal(1.0, 1.0, size=(100, 1)).astype(np.float32)


def trained(optimizer: Any, steps: int = 12, **settings: Any) -> Any:
    pair = create("ppca", engine="numpyro", data_dim=1, latent_dim=1, noise_scale=0.5)
    objective = Adversarial(hidden=(4,), critic_steps=2)
    usual = {"objective": objective, "batch_size": 50, "progress": False, "steps": steps}
    return fit(pair, DATA, optimizer=optimizer, **(usual | settings))


def test_the_librarys_adam_is_optax_adam():
    """Waiting included: a side's moments stand still when it is not its turn."""
    theirs, ours = trained(numpyro.optim.Adam(0.01)), trained(optax.adam(0.01))
    for part in ("parameters", "owned"):
        one, other = getattr(theirs, part), getattr(ours, part)
        assert one.keys() == other.keys()
        for name, value in one.items():
            np.testing.assert_allclose(value, other[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_it_resumes_bit_for_bit(tmp_path):
    whole = trained(numpyro.optim.Momentum(0.01, 0.9))
    trained(numpyro.optim.Momentum(0.01, 0.9), steps=5, out=tmp_path / "run")
    resumed = trained(numpyro.optim.Momentum(0.01, 0.9), out=tmp_path / "run", resume=True)
    for part in ("parameters", "owned"):
        one, other = getattr(whole, part), getattr(resumed, part)
        assert all(value.tobytes() == other[name].tobytes() for name, value in one.items())


def test_what_it_keeps_is_not_clipped():
    objective = Adversarial(loss="wasserstein", clip=0.02, hidden=(4,))
    with pytest.raises(ArgumentError, match=r"numpyro\.optim .* cannot be clipped; pass an optax"):
        trained(numpyro.optim.Adam(0.01), objective=objective)
