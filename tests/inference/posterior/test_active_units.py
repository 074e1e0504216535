"""Active units of PPCA against its closed form, and what has no variance."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from placing import place
from rows import ENGINES

from inference import active_units
from inference.errors import ArgumentError, ObjectiveError
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


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_draw_adds_to_a_mean_is_taken_off(engine: str) -> None:
    """E q(z2 | z1) is z1 ~ Normal(x, 2), so a mean of 10 draws varies by Var x + 4 / 10.

    Var x is 1, known from 200 rows to 0.1 (a relative sqrt(2 / 199)), as is 1.4 less 0.4 to 0.14:
    5 deviations are 0.7. Less 4, it would be negative; with nothing taken off, z3 would count, too,
    whose mean is a draw that has nothing to do with x: 0.4 in place of 0, known to 0.04.
    """
    library: Any = importlib.import_module(engine)
    normal = library.distributions.Normal

    def guide(x: Any) -> None:
        with library.plate("data", len(x)):
            first = library.sample("z1", normal(x, 2.0))
            library.sample("z2", normal(first, 1.0))
            noise = library.sample("z4", normal(0 * x, 2.0))
            library.sample("z3", normal(noise, 1.0))

    def model(x: Any) -> None:
        with library.plate("data", len(x)):
            for name in ("z1", "z2", "z3", "z4"):
                library.sample(name, normal(0 * x, 1.0))
            library.sample("x", normal(0 * x, 1.0), obs=x)

    x = np.random.default_rng(0).normal(size=200)
    x = ((x - x.mean()) / x.std(ddof=1)).astype(np.float32)
    found = active_units((model, guide), x, threshold=0.25)
    assert found == {"z1": 1, "z2": 1, "z3": 0, "z4": 0}


def test_active_units_refuses_what_has_no_variance() -> None:
    pair = create("ppca", engine="pyro", data_dim=6)
    for rows, draws in ((1, 10), (5, 1)):
        with pytest.raises(ArgumentError, match="a variance needs num_draws and rows"):
            active_units(pair, np.zeros((rows, 6), np.float32), num_draws=draws)
    with pytest.raises(ArgumentError, match="threshold"):
        active_units(pair, np.zeros((5, 6), np.float32), threshold=-1)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_all_data_share_tells_no_datum_from_another(engine: str) -> None:
    """Three centres of different means are no three units; three cells of a datum are."""
    library: Any = importlib.import_module(engine)
    normal = library.distributions.Normal
    x = np.random.default_rng(0).normal(size=20).astype(np.float32)
    centres = x[:3] * 10

    def shared(x: Any) -> None:
        with library.plate("clusters", 3):
            library.sample("centre", normal(10 * x[:3], 1.0))

    def guide(x: Any) -> None:
        shared(x)
        with library.plate("time", 3, dim=-2), library.plate("data", len(x), dim=-1):
            library.sample("z", normal(x + 0 * x[:3, None], 1.0))

    def model(x: Any) -> None:
        shared(x)
        with library.plate("time", 3, dim=-2), library.plate("data", len(x), dim=-1):
            z = library.sample("z", normal(0 * x + 0 * x[:3, None], 1.0))
            library.sample("x", normal(z, 1.0), obs=x + 0 * x[:3, None])

    def likelihood(x: Any) -> None:
        shared(x)
        with library.plate("data", len(x)):
            library.sample("x", normal(x, 1.0), obs=x)

    assert centres.var() > 1
    assert active_units((model, guide), x) == {"z": 3}
    with pytest.raises(ObjectiveError, match=r"latent 'centre' is one that all data share"):
        active_units((likelihood, shared), x)
