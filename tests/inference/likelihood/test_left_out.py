"""log_likelihood with discrete latents that the guide leaves out, against sums over states."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from plated import VALUES, Words, log_bernoulli, log_normal
from rows import ENGINES
from scipy.special import logsumexp

from inference import Enumerated, fit, log_likelihood, to_arviz
from inference.errors import PairError

X = np.array([[0.3, -1.0, 0.8], [2.2, 0.1, -0.4], [0.5, 0.5, 1.5], [-1.0, 0.2, 0.9]], np.float32)
START, STEPS = np.array([1.0, 0.0, 0.0]), np.array([[0.6, 0.4, 0], [0, 0.7, 0.3], [0, 0, 1.0]])
MEANS = np.array([0.0, 1.0, -0.5])
Pair = tuple[Callable[..., Any], Callable[..., Any]]


def chain(engine: str, *, beside: bool) -> Pair:
    """k_1, k_2, k_3 of a left-to-right chain,  x_nt ~ N(MEANS[k_nt] + w z_n, 1), with z or not."""
    words = Words(engine)
    start, steps, means = (words.array(each) for each in (START, STEPS, MEANS))

    def model(x: Any) -> None:
        (w,) = words.params("w")
        with words.plate("data", len(x)):
            z = words.sample("z", words.dist.Normal(0.0 * x[:, 0], 1.0)) if beside else 0.0
            law = start
            for t in range(3):
                k = words.sample(f"k{t}", words.dist.Categorical(law))
                law = steps[k]
                words.sample(f"x{t}", words.dist.Normal(means[k] + w * z, 1.0), obs=x[:, t])

    def guide(x: Any) -> None:
        (a,) = words.params("a")
        if beside:
            with words.plate("data", len(x)):
                words.sample("z", words.dist.Normal(a * x.sum(1) / 3, 0.7))

    return model, guide


def evidence(x: np.ndarray, *, beside: bool) -> np.ndarray:
    """By all paths, and by quadrature over z."""
    z = np.linspace(-9, 9, 2_001)[:, None] if beside else np.zeros((1, 1))
    measure = log_normal(z, 0.0) + np.log(18 / 2_000) if beside else 0.0
    paths = []
    with np.errstate(divide="ignore"):
        for path in itertools.product(range(3), repeat=3):
            log_p = np.log(START[path[0]]) + sum(
                np.log(STEPS[a, b]) for a, b in itertools.pairwise(path)
            )
            rows = sum(log_normal(x[:, t], MEANS[k] + VALUES["w"] * z) for t, k in enumerate(path))
            paths.append(log_p + rows + measure)
    return np.asarray(logsumexp(np.stack(paths), axis=(0, 1)))


@pytest.mark.parametrize("engine", ENGINES)
def test_where_nothing_is_drawn_the_sum_is_exact(engine: str) -> None:
    pair, exact = chain(engine, beside=False), evidence(X, beside=False)
    for found in (
        log_likelihood(pair, X, engine=engine),
        log_likelihood(pair, X, method="exact", engine=engine),
        log_likelihood(pair, X, chunk_size=3, engine=engine),
    ):
        np.testing.assert_allclose(found.per_datum, exact, atol=1e-4)
        assert (found.method, found.monte_carlo_error) == ("exact", 0.0)


@pytest.mark.parametrize("engine", ENGINES)
def test_it_is_what_a_fitted_pair_was_told_to_climb(engine: str) -> None:
    run = fit(chain(engine, beside=False), X, objective=Enumerated(), steps=1, progress=False)
    before = -run.history["loss"].iloc[0]
    assert before == pytest.approx(evidence(X, beside=False).mean(), abs=1e-4)
    assert log_likelihood(run, X).method == "exact"


@pytest.mark.parametrize("engine", ENGINES)
def test_beside_draws_each_weight_has_them_summed_out(engine: str) -> None:
    found = log_likelihood(chain(engine, beside=True), X, 4_000, engine=engine)
    assert found.method == "iw, K=4000"
    error = 5 * found.monte_carlo_error  # of the mean of four
    assert abs(found.mean - evidence(X, beside=True).mean()) < error + 1e-4
    assert 0 < error < 0.1


@pytest.mark.parametrize("engine", ENGINES)
def test_latents_within_a_datum_are_summed_jointly(engine: str) -> None:
    words = Words(engine)

    def model(x: Any) -> None:
        w, p = words.params("wp")
        with words.plate("data", len(x), dim=-2):
            g = words.sample("g", words.bernoulli(p))
            with words.plate("units", 3, dim=-1):
                b = words.sample("b", words.bernoulli(p + g))
                words.sample("x", words.dist.Normal(w * b - g, 1.0), obs=x)

    rows, w, p = X.astype(float), VALUES["w"], VALUES["p"]
    each = [
        log_bernoulli(g, p)
        + sum(
            np.logaddexp(*(log_bernoulli(b, p + g) + log_normal(column, w * b - g) for b in (0, 1)))
            for column in rows.T
        )
        for g in (0, 1)
    ]
    found = log_likelihood((model, lambda x: None), X, engine=engine)
    np.testing.assert_allclose(found.per_datum, np.logaddexp(*each), atol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_data_that_no_state_allows_have_no_likelihood_and_no_weight(engine: str) -> None:
    """A symbol that no state emits is impossible, and says so in place of NaN."""
    words = Words(engine)

    def model(x: Any = None, *, size: int = 1) -> None:
        with words.plate("data", size if x is None else len(x)):
            k = words.sample("k", words.dist.Categorical(words.array([0.25, 0.75])))
            words.sample("x", words.dist.Categorical(**{kind: words.array(emitted)[k]}), obs=x)

    emitted = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    kind = "probs"
    if engine == "pyro":  # which takes a probability of zero for a small one
        kind = "logits"
        with np.errstate(divide="ignore"):
            emitted = np.log(emitted)
    x = np.array([0, 1, 2])
    expected = [np.log(0.25 + 0.375), np.log(0.375), -np.inf]
    found: Any = to_arviz((model, lambda x: None), x, num_draws=5, engine=engine)
    np.testing.assert_allclose(found.sample_stats.log_weight.values[0], [expected] * 5, atol=1e-5)
    whole = log_likelihood((model, lambda x: None), x, engine=engine)
    np.testing.assert_allclose(whole.per_datum, expected, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_latent_of_any_value_that_is_left_out_is_refused_still(engine: str) -> None:
    words = Words(engine)

    def model(x: Any) -> None:
        with words.plate("data", len(x)):
            z = words.sample("z", words.dist.Normal(0 * x, 1.0))
            words.sample("x", words.dist.Normal(z, 1.0), obs=x)

    with pytest.raises(PairError, match="no site for the model's latent 'z'"):
        log_likelihood((model, lambda x: None), X[:, 0], engine=engine)
