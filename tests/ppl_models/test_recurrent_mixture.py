"""Mixtures of recurrent networks against the networks themselves, sums and counts."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from rows import ENGINES
from scipy.special import log_softmax, logsumexp
from scipy.stats import chi2
from sequential_laws import called, law, moved, states

from inference import check_pair, log_likelihood
from inference.engines import load_engine
from ppl_models import create

LENGTH, WIDTH = 3, 2
SETTINGS: dict[str, Any] = {"data_dim": WIDTH, "length": LENGTH, "hidden_dim": 4, "networks": 2}
REAL = {**SETTINGS, "likelihood": "mixture", "components": 2, "cell": "lstm"}
EVERY = states(LENGTH * WIDTH).reshape(-1, LENGTH, WIDTH)
both = pytest.mark.parametrize("engine", ENGINES)
kinds = pytest.mark.parametrize("settings", [SETTINGS, REAL], ids=["binary", "real"])


def rows(settings: dict[str, Any]) -> Any:
    if settings is SETTINGS:
        return EVERY
    return np.random.default_rng(5).normal(size=(8, LENGTH, WIDTH)).astype(np.float32)


def built(engine: str, settings: dict[str, Any]) -> Any:
    return moved(engine, "recurrent", (rows(settings),), 1.0, **settings)


@both
@kinds
def test_densities_are_the_mean_of_those_of_whole_sequences(
    engine: str, settings: dict[str, Any]
) -> None:
    """By weight, and up to each sequence's own length; a mean of each step's would differ."""
    pair, x = built(engine, settings), rows(settings)
    lengths = np.arange(len(x)) % LENGTH + 1
    found = law(pair, (x, lengths))
    weights = log_softmax(np.asarray(load_engine(engine).parameters(pair)["network.logits"], float))
    assert weights.std() > 0.1
    each = np.array([called(engine, part.log_prob, x) for part in found.laws], float)
    exact: Any = logsumexp(weights[:, None] + each, axis=0)
    own: Any = log_likelihood(pair, (x, lengths), 1).per_datum
    np.testing.assert_allclose(own, exact, rtol=1e-4, atol=1e-4)
    assert np.abs(each - exact).max() > 0.5


@both
def test_probabilities_of_all_sequences_sum_to_one(engine: str) -> None:
    log_p = log_likelihood(built(engine, SETTINGS), EVERY, 1).per_datum
    assert np.exp(log_p.astype(float)).sum() == pytest.approx(1, abs=1e-5)


@both
def test_sequences_are_drawn_with_their_probabilities(engine: str) -> None:
    """Pearson's chi-squared over 2^6 sequences, 20,000 draws, false-failure rate 1e-5.

    The probabilities of the first network alone fail it.
    """
    pair, count = built(engine, SETTINGS), 20_000
    draws = load_engine(engine).draw(pair, count, 0)[1].reshape(count, -1)
    found = np.bincount((draws @ 2 ** np.arange(6)[::-1]).astype(int), minlength=64)
    first = called(engine, law(pair, (EVERY,)).laws[0].log_prob, EVERY)
    right = log_likelihood(pair, EVERY, 1).per_datum
    for log_p, fits in ((right, True), (first, False)):
        expected = count * np.exp(np.asarray(log_p, float))
        rare = expected < 1  # pooled, as a chi-squared needs
        pools = [np.append(c[~rare], c[rare].sum()) for c in (found, expected)]
        statistic = ((pools[0] - pools[1]) ** 2 / np.maximum(pools[1], 1e-9)).sum()
        assert (statistic < chi2.isf(1e-5, len(pools[0]) - 1)) == fits


@both
@kinds
def test_a_sequence_that_is_held_weighs_its_probability_by_a_network(
    engine: str, settings: dict[str, Any]
) -> None:
    x = rows(settings)
    found = law(built(engine, settings), (x,))

    def complete(x: Any, held: Any) -> Any:
        key = () if engine == "pyro" else (jax.random.PRNGKey(0),)
        return found.complete(*key, x, held)

    drawn, weight = called(engine, complete, x, np.ones(x.shape, bool))
    np.testing.assert_array_equal(drawn, x)
    each = np.array([called(engine, part.log_prob, x) for part in found.laws])
    nearest = np.abs(each - weight).argmin(0)
    closest = np.take_along_axis(each, nearest[None], 0)[0]
    np.testing.assert_allclose(weight, closest, rtol=1e-4, atol=1e-4)
    assert len(set(nearest.tolist())) > 1


@both
@kinds
def test_check_pair_finds_no_leak(engine: str, settings: dict[str, Any]) -> None:
    names = ["no-entry-sees-later-ones", "conditionals-give-the-density"]
    report = check_pair(built(engine, settings), rows(settings)[:4], checks=names)
    assert not report.failed, report
    assert set(names) <= {each.check for each in report.passed}


@both
def test_networks_begin_apart(engine: str) -> None:
    """Networks with one start would have one gradient, and stay one network."""
    pair: Any = create("recurrent", engine=engine, **SETTINGS)
    each = pair.network.networks
    kernels = [
        each[m].input.weight.detach().numpy() if engine == "pyro" else each[m].input.kernel[...]
        for m in range(2)
    ]
    assert np.abs(kernels[0] - kernels[1]).max() > 0.1
    with pytest.raises(ValueError, match="networks must be a whole number of at least 1"):
        create("recurrent", engine=engine, networks=0)
