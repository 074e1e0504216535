"""A model of Pyro's asks its network once a step, for its mean and for its score."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from inference import fit, log_likelihood
from ppl_models import create
from ppl_models.networks.autoregression.autoregressive import Autoregressive

X = (np.random.default_rng(0).random((20, 6)) < 0.4).astype(np.float32)


@pytest.mark.parametrize("name", ["fully_visible", "made", "nade"])
def test_once_a_step(name: str, monkeypatch: Any) -> None:
    calls = [0]
    for kind in Autoregressive.__subclasses__():

        def counted(self: Any, inputs: Any, own: Any = kind.conditionals) -> Any:
            calls[0] += 1
            return own(self, inputs)

        monkeypatch.setattr(kind, "conditionals", counted)
    pair = create(name, engine="pyro", data_dim=6)
    fit(pair, X, steps=1, progress=False)
    looks, calls[0] = calls[0], 0
    fit(pair, X, steps=11, progress=False)
    assert calls[0] - looks == 10


def test_what_was_kept_is_of_this_value_and_used_once() -> None:
    import torch

    pair = create("made", engine="pyro", data_dim=6, hidden=(5,), seed=1)
    run = fit(pair, X, steps=5, progress=False)
    expected = log_likelihood(run, X).per_datum
    law = run.pair.law(len(X))
    x = torch.tensor(X)
    law.mean_given(x)
    x[:, 0] = 1 - x[:, 0]  # in place, after the mean
    changed = law.log_prob(x).detach().numpy()
    np.testing.assert_allclose(changed, log_likelihood(run, x.numpy()).per_datum, rtol=1e-5)
    x[:, 0] = 1 - x[:, 0]
    law.mean_given(x)
    for _ in range(2):
        np.testing.assert_allclose(law.log_prob(x).detach().numpy(), expected, rtol=1e-5)
