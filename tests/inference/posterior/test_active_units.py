"""Active units of PPCA against its closed form, and what has no variance."""

from __future__ import annotations

import numpy as np
import pytest
from placing import place
from rows import ENGINES

from inference import active_units
from inference.errors import ArgumentError
from ppl_models import create


@pytest.mark.parametrize("engine", ENGINES)
def test_active_units_of_ppca_are_those_of_its_closed_form(engine: str) -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(200, 6)).astype(np.float32)
    weight = random.normal(size=(6, 4)) * np.array([1.0, 0.3, 0.1, 0.0])
    pair = create("ppca", engine=engine, data_dim=6, latent_dim=4, guide="exact")
    values = {"weight": weight, "mean": np.zeros(6), "log_noise": np.zeros(())}
    means = x.astype(np.float64) @ weight @ np.linalg.inv(weight.T @ weight + np.eye(4))
    variances = np.sort(means.var(axis=0, ddof=1))
    assert variances[0] == 0 < variances[1]
    fitted = place(pair, values, (x,))
    for number in range(1, 4):
        between = float(np.sqrt(variances[-number] * max(variances[-number - 1], 1e-9)))
        assert active_units(fitted, x, threshold=between) == {"z": number}


def test_active_units_refuses_what_has_no_variance() -> None:
    pair = create("ppca", engine="pyro", data_dim=6)
    for rows, draws in ((1, 10), (5, 1)):
        with pytest.raises(ArgumentError, match="a variance needs num_draws and rows"):
            active_units(pair, np.zeros((rows, 6), np.float32), num_draws=draws)
    with pytest.raises(ArgumentError, match="threshold"):
        active_units(pair, np.zeros((5, 6), np.float32), threshold=-1)
