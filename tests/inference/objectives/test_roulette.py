"""The evidence by a random number of draws: its mean, its variance, and how many draws it takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rows import ENGINES

from inference.engines import load_engine
from inference.estimators.certificate import exact
from inference.estimators.certificate.cases import CASES
from inference.objectives import SUMO, VIMCO
from inference.objectives.roulette import _chances, _sizes

CASE = CASES["bernoulli"]
X = CASE.data(3)
REPEATS = 4000


def values(engine: str, objective: Any, repeats: int = REPEATS) -> np.ndarray:
    """Estimates of log p(x), summed over the data."""
    pair = CASE.pair(engine, CASE.values)
    batch = (X.astype(np.float32),)
    return -load_engine(engine).gradients(pair, objective, batch, repeats)[1]


@pytest.mark.parametrize(("engine", "repeats"), [(ENGINES[0], 1000), (ENGINES[1], REPEATS)])
def test_its_mean_is_the_bound_of_most_particles(engine: str, repeats: int) -> None:
    """Below five standard errors: fails once in a million runs. A bound of two draws is far off."""
    found = values(engine, SUMO(2, 60), repeats)
    error = found.std(ddof=1) / np.sqrt(repeats)
    want = exact.iwae(CASE, CASE.values, X, 60)
    assert abs(found.mean() - want) < 5 * error
    assert want - exact.iwae(CASE, CASE.values, X, 2) > 10 * error * np.sqrt(repeats / REPEATS)


def test_the_rest_of_the_way_to_the_evidence_falls_as_one_over_the_draws() -> None:
    log_mass, log_w, _ = exact.weights(CASE, CASE.values, X)
    mass, log_p = np.exp(log_mass), np.log((np.exp(log_mass + log_w)).sum(1))
    spread = (mass * np.exp(2 * (log_w - log_p[:, None]))).sum(1) - 1  # Var(w) / p(x)^2
    for most in (60, 200):
        missing = log_p.sum() - exact.iwae(CASE, CASE.values, X, most)
        np.testing.assert_allclose(missing, spread.sum() / (2 * most), rtol=0.1)


def test_it_is_noisier_the_more_draws_it_reaches_for() -> None:
    """And noisier than the bound that it corrects; margin 1.2, the error of a ratio is 0.05."""
    noise = [values("numpyro", SUMO(2, most)).var() for most in (4, 60)]
    assert noise[1] > 1.2 * noise[0]
    assert noise[0] > 1.2 * values("numpyro", VIMCO(4)).var()


def test_the_number_of_draws() -> None:
    chances = _chances(198)
    np.testing.assert_allclose(chances[[0, 1, 79, 80]], [1, 1 / 2, 1 / 80, 0.9 / 80])
    assert chances[-1] < 1e-7
    sizes = np.array(_sizes(195))
    assert sizes.tolist() == [4, 16, 64, 195]
    stays = _chances(195)[:, None] - np.append(_chances(195)[1:], 0)[:, None]  # P(T = k)
    made = sizes[np.searchsorted(sizes, np.arange(1, 196))]
    assert 10 < float((stays[:, 0] * made).sum()) < 12
    assert _sizes(1) == [1]
    assert _sizes(4) == [4]


def test_more_draws_than_are_always_made() -> None:
    with pytest.raises(ValueError, match="most_particles must be larger than num_particles"):
        SUMO(5, 5)
