"""M2 where everything is known: a linear decoder, and the exact posterior as its guide.

Given the class, x is a Gaussian whose mean is linear in z with orthogonal directions, so the
posterior of z is a Gaussian with independent components that a linear encoder can hold. Then
log p(x, y, z) - log q(z | x, y) is the same for every z, and bounds and importance-weighted
estimates have no noise: one draw gives the closed form, to rounding.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from jax import random
from numpyro import handlers
from rows import ENGINES
from scipy.stats import multivariate_normal
from scoring import kernel_names, numpyro_site_params

from inference import Enumerated, classify, fit, log_likelihood
from inference.engines import load_engine
from inference.engines.numpyro.pairs import StoredPair
from inference.engines.numpyro.parameters import parameters
from inference.engines.pyro.parameters import rebuild
from inference.errors import ArgumentError, DataError
from ppl_models import create

COLUMNS, LATENT, CLASSES, ALPHA = 6, 2, 3, 5.0
RANDOM = np.random.default_rng(0)
SCALE = np.exp(0.3 * RANDOM.normal(size=COLUMNS))
ORTHOGONAL = np.linalg.qr(RANDOM.normal(size=(COLUMNS, LATENT)))[0].T
WEIGHT = np.array([[1.5], [0.7]]) * ORTHOGONAL * SCALE  # rows orthogonal relative to SCALE^2
OFFSET = RANDOM.normal(size=(CLASSES, COLUMNS))
BIAS = RANDOM.normal(size=COLUMNS)
CLASSIFIER = 0.5 * RANDOM.normal(size=(COLUMNS, CLASSES))
X = (2 * RANDOM.normal(size=(8, COLUMNS))).astype(np.float32)
Y = np.array([0, -1, 2, 1, -1, -1, 0, -1])
LABELLED = Y >= 0


def log_joint() -> np.ndarray:
    """log p(x, y) for every class, (N, CLASSES)."""
    covariance: Any = WEIGHT.T @ WEIGHT + np.diag(SCALE**2)
    scores = [multivariate_normal(offset + BIAS, covariance).logpdf(X) for offset in OFFSET]
    return np.stack(scores, -1) - np.log(CLASSES)


def log_guide(classifier: np.ndarray = CLASSIFIER) -> np.ndarray:
    """log q(y | x), (N, CLASSES)."""
    logits = X @ classifier
    return logits - np.logaddexp.reduce(logits, 1, keepdims=True)


def bound(classifier: np.ndarray = CLASSIFIER, alpha: float = ALPHA) -> np.ndarray:
    """The paper's L(x, y) + alpha log q(y | x) at labels and U(x) elsewhere, (N,)."""
    joint, guide = log_joint(), log_guide(classifier)
    unlabelled = (np.exp(guide) * (joint - guide)).sum(1)
    rows = np.arange(len(Y))
    return np.where(LABELLED, joint[rows, Y] + alpha * guide[rows, Y], unlabelled)


@cache
def exact(engine: str, alpha: float = ALPHA) -> Any:
    """The pair with these parameters and the exact posterior of z as its guide."""
    options: Any = {"data_dim": COLUMNS, "classes": CLASSES, "latent_dim": LATENT, "hidden": ()}
    options |= {"likelihood": "gaussian", "alpha": alpha}
    ours = create("semi_supervised_vae", engine="numpyro", **options)
    variance = 1 / (1 + (WEIGHT**2 / SCALE**2).sum(1))
    to_mean = (variance[:, None] * WEIGHT / SCALE**2).T  # (COLUMNS, LATENT)
    encoder = np.zeros((COLUMNS + CLASSES, 2 * LATENT))
    encoder[:COLUMNS, :LATENT], encoder[COLUMNS:, :LATENT] = to_mean, -OFFSET @ to_mean
    values = {
        "log_scale": np.log(SCALE),
        "classifier": (CLASSIFIER, np.zeros(CLASSES)),
        "encoder": (encoder, np.r_[-BIAS @ to_mean, np.log(variance) / 2]),
        "decoder": (np.r_[WEIGHT, OFFSET], BIAS),
    }

    def replaced(path: Any, leaf: Any) -> Any:
        value = values[path[0].key.removesuffix("$params")]
        if isinstance(value, tuple):
            value = value[path[-1].key == "bias"]
        assert value.shape == leaf.shape
        return jnp.asarray(value, jnp.float32)

    template = numpyro_site_params(ours, (X, Y))
    fitted = StoredPair(ours, jax.tree_util.tree_map_with_path(replaced, template))
    if engine == "numpyro":
        return fitted
    other = create("semi_supervised_vae", engine="pyro", **options)
    return rebuild(other, kernel_names(parameters(fitted)), (X, Y))


def summed(engine: str, rows: Any) -> tuple[float, np.ndarray]:
    """The bound of `Enumerated`, summed over rows, and its gradient by the classifier's weights."""
    pair, batch = exact(engine), (X[rows], Y[rows])
    if engine == "pyro":
        with pair.scope():
            pair.zero_grad()
            loss = Enumerated()(pair.wrapped.model, pair.wrapped.guide, *map(torch.tensor, batch))
            loss.backward()
        return -loss.item(), -pair.wrapped.classifier.layers[0].weight.grad.numpy().T
    model, guide = pair.wrapped.model, pair.wrapped.guide

    def loss_of(values: Any) -> Any:
        return Enumerated().loss(random.PRNGKey(0), values, model, guide, *map(jnp.asarray, batch))

    loss, slopes = jax.jit(jax.value_and_grad(loss_of))(pair.values)
    return -float(loss), -np.asarray(slopes["classifier$params"]["layers"][0]["kernel"])


@pytest.mark.parametrize("engine", ENGINES)
def test_the_bound_is_the_papers_on_labelled_and_on_unlabelled_rows(engine: str) -> None:
    """And of rows of both kinds together it is the sum."""
    for rows in (LABELLED, ~LABELLED, slice(None)):
        np.testing.assert_allclose(summed(engine, rows)[0], bound()[rows].sum(), rtol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_classifier_learns_from_labels_and_from_the_bound(engine: str) -> None:
    """Against central differences of the closed form, in float64."""
    expected, step = np.zeros_like(CLASSIFIER), 1e-5
    for index in np.ndindex(*CLASSIFIER.shape):
        shift = np.zeros_like(CLASSIFIER)
        shift[index] = step
        change = bound(CLASSIFIER + shift).sum() - bound(CLASSIFIER - shift).sum()
        expected[index] = change / (2 * step)
    np.testing.assert_allclose(summed(engine, slice(None))[1], expected, rtol=1e-3, atol=1e-3)
    without = bound(alpha=0.0)  # what the classification term is worth, so that it can be missed
    assert (np.abs(bound() - without)[LABELLED] > 0.1).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_log_likelihood_is_of_x_and_the_known_labels_alone(engine: str) -> None:
    joint = log_joint()
    known = joint[np.arange(len(Y)), Y]
    estimate = log_likelihood(exact(engine), (X[LABELLED], Y[LABELLED]), 2)
    np.testing.assert_allclose(estimate.per_datum, known[LABELLED], rtol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_classes_by_the_guide_and_by_bayes_rule(engine: str) -> None:
    joint = log_joint()
    posterior = np.exp(joint - np.logaddexp.reduce(joint, 1, keepdims=True))
    pair = exact(engine)
    np.testing.assert_allclose(classify(pair, X), np.exp(log_guide()), atol=1e-5)
    for particles, chunk in ((1, 10_000), (3, 9)):
        found = classify(pair, X, method="iw", num_particles=particles, chunk_size=chunk)
        np.testing.assert_allclose(found, posterior, atol=1e-4)
    assert np.abs(posterior - np.exp(log_guide())).max() > 0.1


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_inferred_beside_a_class_belongs_to_the_likeliest_class(engine: str) -> None:
    """The same as given that class as the label, whatever the guide happens to draw."""
    pair, backend = exact(engine), load_engine(engine)
    found = backend.encode(pair, X, rng_seed=0, num_draws=3)
    np.testing.assert_array_equal(found["y"], classify(pair, X).argmax(1))
    given = backend.encode(pair, X, found["y"], rng_seed=0, num_draws=3)
    for name in ("y", "z"):
        np.testing.assert_allclose(found[name], given[name], rtol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_of_given_classes_can_be_drawn(engine: str) -> None:
    """The mean of x given y is OFFSET[y] + BIAS; 4,000 draws per class, columns' deviation < 3.

    So a mean deviates by 0.05 on average, and by 0.3 once in 10^9 tests. Rows with a missing label
    have classes of their own, each about a third of the time: see the spread of their means.
    """
    y = np.repeat([0, 1, 2, -1], 4_000)
    _, draws = load_engine(engine).draw(exact(engine), len(y), 0, y)
    for label in range(CLASSES):
        mean = draws[y == label].mean(0)
        np.testing.assert_allclose(mean, OFFSET[label] + BIAS, atol=0.3)
    np.testing.assert_allclose(draws[y < 0].mean(0), OFFSET.mean(0) + BIAS, atol=0.3)


def test_the_guide_draws_the_label_where_there_is_one() -> None:
    guide = handlers.seed(exact("numpyro").guide, random.PRNGKey(0))
    label = np.asarray(handlers.trace(guide).get_trace(X, Y)["y"]["value"])
    np.testing.assert_array_equal(label[LABELLED], Y[LABELLED])


BAD = {
    "no class of the pair's": (np.array([0, 3, 1, 2, -1, 0, 0, 0]), "0 to 2.*-1.*got 3 in row 1"),
    "below -1": (np.array([0, 1, -2, 2, -1, 0, 0, 0]), "got -2 in row 2"),
    "real numbers": (Y.astype(np.float32), "whole numbers.*float32"),
    "one-hot": (np.eye(CLASSES, dtype=np.int64)[np.maximum(Y, 0)], "one class for each row"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("engine", ENGINES)
def test_labels_that_cannot_be_are_refused(engine: str, case: str) -> None:
    y, message = BAD[case]
    pair = exact(engine)
    for attempt in (
        lambda: fit(pair, (X, y), objective=Enumerated(), steps=1, progress=False),
        lambda: log_likelihood(pair, (X, y), 2),
    ):
        with pytest.raises(DataError, match=message):
            attempt()
    as_array = jnp.asarray
    if engine == "pyro":
        as_array = torch.as_tensor
    for program in (pair.model, pair.guide):
        with pytest.raises(ValueError, match=message.replace("float32", "")):
            program(as_array(X), as_array(y))


@pytest.mark.parametrize("engine", ENGINES)
def test_arguments_out_of_range_are_refused(engine: str) -> None:
    for options, message in (
        ({"classes": 0}, "classes must be"),
        ({"latent_dim": 0}, "latent_dim must be"),
        ({"alpha": -1.0}, "alpha must be"),
        ({"likelihood": "poisson"}, "likelihood must be"),
    ):
        with pytest.raises(ValueError, match=message):
            create("semi_supervised_vae", engine=engine, **options)


def test_what_has_no_classes_is_not_classified() -> None:
    pair = create("vae", engine="pyro", data_dim=COLUMNS, hidden=())
    with pytest.raises(ArgumentError, match="latent 'y' that is categorical"):
        classify(pair, X)
    with pytest.raises(ArgumentError, match="it has 'y'"):
        classify(exact("pyro"), X, site="z")
    with pytest.raises(ArgumentError, match="method must be"):
        classify(exact("pyro"), X, method="best")  # pyright: ignore[reportArgumentType]
