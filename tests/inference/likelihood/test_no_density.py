"""Rows without any density: the mean is -inf and says of which rows, and nothing is NaN."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from plated import Words
from rows import ENGINES
from scipy.stats import norm

from inference import DivergenceError, bound_parts, log_likelihood
from inference.comparison.metrics import METRICS
from inference.errors import ObjectiveError
from inference.objectives import ELBO
from ppl_models import create

X = np.array([0.4, -1.1, 2.0, 0.7], dtype=np.float32)
LOST = (1, 3)


def pair(engine: str, lost: tuple[int, ...] = LOST) -> Any:
    """k_n is always 0 in the model; in the lost rows the guide proposes 1 alone."""
    words = Words(engine)
    rows = np.array([[1, 0]] * 4, dtype=np.float32)
    rows[list(lost)] = [0, 1]

    def category(probs: Any) -> Any:
        if engine == "numpyro":
            return words.dist.Categorical(probs=words.array(probs))
        with np.errstate(divide="ignore"):  # of probs, torch makes small ones of none
            return words.dist.Categorical(logits=words.array(np.log(probs)))

    def model(x: Any) -> None:
        with words.plate("data", len(x)):
            k = words.sample("k", category([1, 0]))
            words.sample("x", words.dist.Normal(0 * k + 0 * x, 1.0), obs=x)

    def guide(x: Any) -> None:
        with words.plate("data", len(x)):
            words.sample("k", category(rows[: len(x)]))

    return SimpleNamespace(engine=engine, model=model, guide=guide)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_mean_is_minus_infinity_and_names_the_rows(engine: str) -> None:
    found = log_likelihood(pair(engine), X, num_particles=3)
    expected = norm.logpdf(X)
    expected[list(LOST)] = -np.inf
    np.testing.assert_allclose(found.per_datum, expected, rtol=1e-5)
    assert (found.mean, found.standard_error) == (-math.inf, math.inf)
    assert str(found) == "-inf ± inf nats (iw, K=3; no density in 2 of 4 rows: 1, 3)"


@pytest.mark.parametrize("engine", ENGINES)
def test_without_such_rows_nothing_is_said(engine: str) -> None:
    found = log_likelihood(pair(engine, ()), X, num_particles=3)
    assert found.standard_error == pytest.approx(norm.logpdf(X).std(ddof=1) / 2, rel=1e-5)
    assert "density" not in str(found)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_parts_of_the_bound_say_where_it_is_lost(engine: str) -> None:
    parts = bound_parts(pair(engine), X, num_particles=5)
    np.testing.assert_allclose(parts.reconstruction.per_datum, norm.logpdf(X), rtol=1e-5)
    assert np.isposinf(parts.kl["k"].per_datum[list(LOST)]).all()
    np.testing.assert_allclose(parts.kl["k"].per_datum[[0, 2]], 0, atol=1e-6)
    for part in (parts.elbo, parts.kl["k"]):
        assert not np.isnan([part.mean, part.standard_error, part.monte_carlo_error]).any()
        assert np.isposinf(part.per_datum_error[list(LOST)]).sum() in (0, 2)  # 0 of closed forms
    assert "no density in 2 of 4 rows: 1, 3" in str(parts.elbo)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("metric", ["bound", "log_likelihood"])
def test_a_comparison_says_why_it_has_no_figure(metric: str, engine: str) -> None:
    run: Any = SimpleNamespace(pair=pair(engine), objective=ELBO())
    figure = METRICS[metric](run, (X,))
    assert figure.value is None
    assert figure.note == "it came to -inf (no density in 2 of 4 rows: 1, 3)"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_weight_that_is_no_number_is_refused_with_its_row(engine: str) -> None:
    """A scale that overflowed, exp of a large number, in the lost rows."""
    words = Words(engine)
    scales = np.array([1, np.inf, 1, np.inf], dtype=np.float32)

    def model(x: Any) -> None:
        with words.plate("data", len(x)):
            words.sample("z", words.dist.Normal(0 * x, 1.0))
            words.sample("x", words.dist.Normal(0 * x, 1.0), obs=x)

    def guide(x: Any) -> None:
        with words.plate("data", len(x)):
            words.sample("z", words.dist.Normal(0 * x, words.array(scales[: len(x)])))

    both: Any = SimpleNamespace(engine=engine, model=model, guide=guide)
    assert np.isfinite(log_likelihood(both, X[:1], num_particles=3).mean)
    with pytest.raises(DivergenceError, match="a draw of the guide is not a number for row 1 of x"):
        log_likelihood(both, X, num_particles=3)


def test_a_chain_without_a_kernel_of_its_copies_is_told_what_there_is() -> None:
    """It was sent to methods that refused it, which sent it back."""
    chain = create("denoising_autoencoder", engine="pyro", data_dim=4, hidden=[3], burn_in=2)
    with pytest.raises(
        ObjectiveError, match=r"'c'.*nothing estimates log p\(x\); parzen"
    ) as caught:
        log_likelihood(chain, np.zeros((3, 4), np.float32))
    assert "'ais'" not in str(caught.value)
