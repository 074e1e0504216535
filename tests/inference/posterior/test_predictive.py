"""Predictive checks against the closed-form distribution of replicates."""

from __future__ import annotations

from typing import Any

import linear_pairs as lp
import numpy as np
import pytest
from rows import ENGINES, ROWS

from inference import PredictiveCheck, predictive_check
from inference.errors import ArgumentError
from ppl_models import create

X = lp.data(12)


def columns(x: Any) -> Any:
    return x.mean(0)


@pytest.mark.parametrize("engine", ENGINES)
def test_replicates_have_the_closed_forms_moments(engine: str) -> None:
    """400 replicates of three statistics: mean and variance within six standard errors (1e-8).

    Column means of x' are Gaussian: around W E_q[z] with covariance (W S W' + s^2) / N for the
    guide's posterior, around 0 with (W W' + s^2) / N for the prior.
    """
    pair = lp.pair(engine, width=1.5, shift=0.4)
    chunk_size = 12 * 250 if engine == "pyro" else 10**6
    found = predictive_check(pair, X, columns, 400, chunk_size=chunk_size)
    np.testing.assert_allclose(found.observed, X.mean(0), rtol=1e-5)
    centre = ((X @ lp.TO_MEAN.T + 0.4) @ lp.WEIGHT.T).mean(0)
    spread = lp.WEIGHT @ lp.guide_covariance("full", 1.5) @ lp.WEIGHT.T + lp.NOISE**2 * np.eye(3)
    for draws, mean, covariance in (
        (found.posterior, centre, spread / len(X)),
        (found.prior, np.zeros(3), lp.MARGINAL / len(X)),
    ):
        assert draws.shape == (400, 3)
        scale = np.diag(covariance) ** 0.5
        np.testing.assert_array_less(np.abs(draws.mean(0) - mean), 6 * scale / np.sqrt(400))
        ratio = draws.var(0, ddof=1) / scale**2
        np.testing.assert_array_less(np.abs(ratio - 1), 6 * np.sqrt(2 / 400))


def test_p_values_count_the_data_themselves_and_a_misfit_is_seen() -> None:
    replicates = np.array([1.0, 2.0, 2.0, 3.0])
    check = PredictiveCheck(np.array(2.0), replicates, replicates + 9)
    assert check.posterior_p == 4 / 5
    assert check.prior_p == 1.0
    shifted = predictive_check(lp.pair("pyro"), X + 5, lambda x: x.mean(), 100)
    assert shifted.prior_p == 1 / 101
    assert str(shifted).startswith("observed ")
    assert "posterior predictive p from" in str(predictive_check(lp.pair("pyro"), X, columns, 10))


def test_labels_are_given_to_the_replicates_and_a_bad_statistic_is_refused() -> None:
    row = ROWS["conditional-vae"]
    pair = create(row.model, engine="pyro", **row.hyperparameters)
    assert predictive_check(pair, row.batch(6), np.mean, 5).prior.shape == (5,)
    for statistic, words in (
        (lambda x: np.nan, "must return finite numbers, got nan"),
        (lambda x: "much", "must return finite numbers"),
        (lambda x: np.unique(x), "must return the same shape for all data sets"),
        (3, "must be a function of an array like x"),
    ):
        with pytest.raises(ArgumentError, match=words):
            predictive_check(lp.pair("pyro"), np.round(X), statistic, 5)  # pyright: ignore
    with pytest.raises(ArgumentError, match=r"num_draws must be .* at least 2"):
        predictive_check(lp.pair("pyro"), X, np.mean, 1)
