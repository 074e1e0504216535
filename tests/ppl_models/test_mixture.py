"""Mixtures against sums in float64, scikit-learn, finite differences, EM and the other engine."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from rows import ENGINES
from scipy.special import expit, log_softmax, softmax
from scipy.stats import norm
from scoring import gradients
from sklearn.mixture import GaussianMixture

from inference import Enumerated, fit, log_likelihood
from inference.engines import load_engine
from ppl_models import create
from ppl_models.classical import hmm_em, label_order, mixture_em

LIKELIHOODS = ("gaussian", "bernoulli")
logsumexp = np.logaddexp.reduce
ARRAY: dict[str, Any] = {"pyro": torch.tensor, "numpyro": jnp.asarray}


def parameters(likelihood: str) -> dict[str, np.ndarray]:
    """What a pair trains, away from any symmetric point."""
    random = np.random.default_rng(0)
    found = {"weight_logits": log_softmax(random.normal(size=3))}
    if likelihood == "bernoulli":
        return {**found, "mean_logits": random.normal(size=(3, 4))}
    means, log_scales = 2 * random.normal(size=(3, 4)), 0.3 * random.normal(size=(3, 4))
    return {**found, "means": means, "log_scales": log_scales}


def reference(values: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """log p(x, z), shape (N, K), in float64."""
    scores = np.tile(log_softmax(values["weight_logits"]), (len(x), 1))
    for n, row in enumerate(x):
        for k in range(3):
            if "mean_logits" in values:
                mean = expit(values["mean_logits"][k])
                scores[n, k] += np.log(np.where(row == 1, mean, 1 - mean)).sum()
            else:
                scale = 1e-3 + np.exp(values["log_scales"][k])
                scores[n, k] += norm.logpdf(row, values["means"][k], scale).sum()
    return scores


def data(likelihood: str, rows: int = 6) -> np.ndarray:
    random = np.random.default_rng(1)
    if likelihood == "bernoulli":
        return (random.random((rows, 4)) < 0.5).astype(np.float32)
    return (2 * random.normal(size=(rows, 4))).astype(np.float32)


def build(engine: str, likelihood: str, **more: Any) -> Any:
    values = parameters(likelihood)
    start = {"weights": softmax(values["weight_logits"])}
    if likelihood == "bernoulli":
        start["means"] = expit(values["mean_logits"])
    else:
        start |= {"means": values["means"], "scales": 1e-3 + np.exp(values["log_scales"])}
    shape = {"data_dim": 4, "components": 3, "likelihood": likelihood}
    return create("mixture", engine=engine, **shape, **start, **more)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("engine", ENGINES)
def test_evidence_and_responsibilities(engine: str, likelihood: str) -> None:
    pair, x = build(engine, likelihood), data(likelihood)
    joint = reference(parameters(likelihood), x)
    exact = logsumexp(joint, axis=-1)
    np.testing.assert_allclose(load_engine(engine).log_evidence(pair, x), exact, rtol=1e-5)
    probs = pair.posterior(ARRAY[engine](x)).probs
    found = np.asarray(probs.detach() if engine == "pyro" else probs)
    np.testing.assert_allclose(found, np.exp(joint - exact[:, None]), atol=1e-5)
    whole = log_likelihood(pair, x, 1, method="exact")
    assert whole.mean == pytest.approx(exact.mean(), rel=1e-5)
    # With the exact guide every weight is the evidence, for any draw.
    drawn = log_likelihood(pair, x, 2)
    np.testing.assert_allclose(drawn.per_datum, exact, rtol=1e-5)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("engine", ENGINES)
def test_gradient_of_the_enumerated_bound(engine: str, likelihood: str) -> None:
    """That of log p(x), by central differences in float64, though the guide has no gradient."""
    x, values = data(likelihood), parameters(likelihood)
    found, losses = gradients(build(engine, likelihood), Enumerated(), (x,), 1)

    def loss() -> float:
        return -logsumexp(reference(values, x), axis=-1).sum()

    assert losses[0] == pytest.approx(loss(), rel=1e-5)
    assert found.keys() == values.keys()
    for name, value in values.items():
        expected = np.zeros_like(value)
        for index in np.ndindex(value.shape):
            kept = value[index]
            value[index] = kept + 1e-5
            above = loss()
            value[index] = kept - 1e-5
            expected[index] = (above - loss()) / 2e-5
            value[index] = kept
        np.testing.assert_allclose(found[name][0], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("engine", ENGINES)
def test_moments_of_draws(engine: str, likelihood: str) -> None:
    """20,000 draws; each of 8 moments is off by six standard errors with probability 2e-9."""
    pair, values = build(engine, likelihood), parameters(likelihood)
    means, draws = load_engine(engine).draw(pair, 20_000, 0)
    weights = softmax(values["weight_logits"])
    if likelihood == "bernoulli":
        inside = expit(values["mean_logits"])
        second = inside
    else:
        inside = values["means"]
        second = inside**2 + (1e-3 + np.exp(values["log_scales"])) ** 2
    for power, expected in ((1, weights @ inside), (2, weights @ second)):
        moment = draws.astype(np.float64) ** power
        error = moment.std(0) / np.sqrt(len(moment))
        assert (np.abs(moment.mean(0) - expected) < 6 * error).all()
    assert means is not None
    for row in means[:20]:
        assert np.abs(row - inside).max(-1).min() < 1e-5


def clusters(likelihood: str, rows: int = 300) -> np.ndarray:
    """Data of three classes that lie far apart."""
    random = np.random.default_rng(2)
    z = random.choice(3, size=rows, p=[0.5, 0.3, 0.2])
    if likelihood == "bernoulli":
        means = np.array([[0.9] * 6 + [0.1] * 6, [0.1] * 6 + [0.9] * 6, [0.85] * 12])
        return (random.random((rows, 12)) < means[z]).astype(np.float32)
    means = np.array([[0.0, 0, 0], [5, 0, 2], [0, 6, -3]])
    scales = np.array([[1.0, 0.5, 1], [0.5, 1, 1], [1, 1, 0.7]])
    return (means[z] + scales[z] * random.normal(size=(rows, 3))).astype(np.float32)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("engine", ENGINES)
def test_svi_em_and_exact_evidence_agree_at_the_optimum(engine: str, likelihood: str) -> None:
    x = clusters(likelihood)
    best = mixture_em(x, 3, likelihood=likelihood)
    assert (np.diff(best.history) > -1e-12).all()
    start = create("mixture", engine=engine, **best.hyperparameters)
    at_start = log_likelihood(start, x, 1, method="exact").mean
    assert at_start == pytest.approx(best.log_likelihood, abs=1e-4)
    random = np.random.default_rng(3)
    moved = {**best.hyperparameters, "weights": [0.4, 0.3, 0.3]}
    moved["means"] = best.means + 0.3 * random.normal(size=best.means.shape)
    if likelihood == "bernoulli":
        moved["means"] = np.clip(moved["means"], 0.2, 0.8)
    pair = create("mixture", engine=engine, **moved)
    assert log_likelihood(pair, x, 1, method="exact").mean < best.log_likelihood - 0.05
    run = fit(
        pair,
        x,
        objective=Enumerated(),
        steps=300,
        batch_size=len(x),
        learning_rate=0.1,
        schedule="cosine",
        progress=False,
    )
    exact = log_likelihood(run.pair, x, 1, method="exact").mean
    assert exact == pytest.approx(best.log_likelihood, abs=1e-3)
    assert -run.rows[-1]["loss"] == pytest.approx(exact, abs=1e-3)


def test_em_finds_what_scikit_learn_finds() -> None:
    x = clusters("gaussian").astype(np.float64)
    best = mixture_em(x, 3)
    theirs: Any = GaussianMixture(
        3, covariance_type="diag", n_init=5, tol=1e-9, max_iter=1000, reg_covar=0, random_state=0
    ).fit(x)
    assert best.log_likelihood == pytest.approx(theirs.score(x), abs=1e-6)
    order = label_order(best.means, theirs.means_)
    np.testing.assert_allclose(best.means[order], theirs.means_, atol=1e-3)
    np.testing.assert_allclose(best.weights[order], theirs.weights_, atol=1e-3)
    assert best.scales is not None
    np.testing.assert_allclose(best.scales[order] ** 2, theirs.covariances_, atol=1e-3)
    np.testing.assert_allclose(
        best.responsibilities(x)[:, order], theirs.predict_proba(x), atol=1e-3
    )


def test_a_class_that_shrinks_to_a_point_stops_at_the_smallest_scale() -> None:
    x = np.concatenate([np.zeros((20, 2)), np.random.default_rng(0).normal(5, 1, (20, 2))])
    best = mixture_em(x, 2, min_scale=0.01)
    assert best.scales is not None
    assert best.scales.min() == 0.01
    pair = create("mixture", **best.hyperparameters)
    found = log_likelihood(pair, x, 1, method="exact").mean
    assert found == pytest.approx(best.log_likelihood, abs=1e-3)


@pytest.mark.parametrize("engine", ENGINES)
def test_labels_that_switch_change_no_reported_figure(engine: str) -> None:
    pair, x = build(engine, "gaussian"), data("gaussian")
    order = np.array([2, 0, 1])
    names = ("weights", "means", "scales")
    switched = {name: np.asarray(pair.hyperparameters[name])[order] for name in names}
    other = create("mixture", engine=engine, **{**pair.hyperparameters, **switched})
    for method in ("exact", "iw"):
        one, two = (log_likelihood(p, x, 1, method=method) for p in (pair, other))
        np.testing.assert_allclose(one.per_datum, two.per_datum, rtol=1e-5)
    back = label_order(switched["means"], pair.hyperparameters["means"])
    for name in names:
        np.testing.assert_array_equal(switched[name][back], pair.hyperparameters[name])
    with pytest.raises(ValueError, match=r"same shape, .* got \(3, 4\) and \(2, 4\)"):
        label_order(switched["means"], switched["means"][:2])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"components": 0}, "components must be a whole number of at least 1, got 0"),
        ({"likelihood": "poisson"}, "likelihood must be one of gaussian, bernoulli"),
        ({"guide": "none"}, "guide must be one of exact, amortised"),
        ({"weights": [0.5, 0.6]}, r"weights must hold probabilities .* sums from 1.1 to 1.1"),
        ({"weights": [1.0]}, r"weights must have shape \(2,\), got \(1,\)"),
        ({"means": [[0.0, np.nan]] * 2}, "means has values that are not finite"),
        ({"scales": [[1.0, 1e-5]] * 2}, "scales must not be below min_scale=0.001, got 1e-05"),
        ({"likelihood": "bernoulli", "scales": [[1.0] * 2] * 2}, "scales are for likelihood='ga"),
        ({"likelihood": "bernoulli", "means": [[2.0] * 2] * 2}, r"means must lie in \[0, 1\]"),
        ({"min_scale": 0.0}, "min_scale must be positive"),
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_wrong_arguments_are_explained(engine: str, arguments: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        create("mixture", engine=engine, **{"data_dim": 2, "components": 2, **arguments})


@pytest.mark.parametrize(
    ("x", "arguments", "words"),
    [
        (np.zeros(3), {}, r"x must have shape \(N, D\) and hold something, got \(3,\)"),
        (np.full((3, 2), np.inf), {}, "x has values that are NaN or infinite"),
        (np.zeros((3, 2)), {"components": 4}, "components must be at most the 3 rows, got 4"),
        (np.full((3, 2), 0.5), {"likelihood": "bernoulli"}, "x must hold zeros and ones"),
        (np.zeros((3, 2)), {"restarts": 0}, "restarts must be a whole number"),
    ],
)
def test_wrong_data_for_em_are_explained(x: np.ndarray, arguments: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        mixture_em(x, **{"components": 2, **arguments})


ROWS = np.random.default_rng(0).normal(size=(20, 2))
NOT_NUMBERS = {
    "masked": (np.ma.masked_array(ROWS, ROWS > 1), "masked values"),
    "complex": (ROWS + 1j, "real numbers, got complex128"),
    "text": (ROWS.astype(str), "real numbers, got <U"),
    "dates": (np.full((20, 1), "2020-01-01", "datetime64[D]"), "real numbers, got datetime64"),
    "spans": (np.full((20, 1), 3, "timedelta64[D]"), "real numbers, got timedelta64"),
    "objects": (np.full((20, 1), None), "real numbers, got object"),
}


@pytest.mark.parametrize("kind", NOT_NUMBERS)
def test_classical_fits_take_real_numbers_alone(kind):
    x, words = NOT_NUMBERS[kind]
    for attempt in (lambda: mixture_em(x, 2), lambda: hmm_em(x, 2, emissions="gaussian")):
        with pytest.raises(ValueError, match=words):
            attempt()
    mixture_em(ROWS.astype(object), 2, restarts=1, iterations=2)
