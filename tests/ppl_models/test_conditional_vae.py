"""p(x | y) where it is a Gaussian that is known, and conditions that are refused.

Prior and decoder are linear and the decoder's directions orthogonal, so that the posterior of z
given x and y has independent components and a linear encoder holds it. Then the weight of a draw
is p(x | y) whatever was drawn, and the estimate of `log_likelihood` has no noise.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from rows import ENGINES
from scipy.stats import multivariate_normal
from scoring import kernel_names, numpyro_site_params

from inference import fit, log_likelihood
from inference.engines import load_engine
from inference.engines.numpyro.pairs import StoredPair
from inference.engines.numpyro.parameters import parameters
from inference.engines.pyro.parameters import rebuild
from inference.errors import DataError
from ppl_models import create

COLUMNS, LATENT, WIDTH, NOISE = 5, 2, 3, 0.7
RANDOM = np.random.default_rng(0)
WEIGHT = np.array([[1.5], [0.6]]) * np.linalg.qr(RANDOM.normal(size=(COLUMNS, LATENT)))[0].T
FROM_Y, BIAS = RANDOM.normal(size=(WIDTH, COLUMNS)), RANDOM.normal(size=COLUMNS)
PRIOR, PRIOR_BIAS = RANDOM.normal(size=(WIDTH, LATENT)), RANDOM.normal(size=LATENT)
PRIOR_SCALE = np.array([0.5, 1.3])
X = RANDOM.normal(size=(6, COLUMNS)).astype(np.float32)
VECTORS = RANDOM.normal(size=(6, WIDTH)).astype(np.float32)
LABELS = np.array([0, 2, 1, 0, 1, 2])


def known(kind: str, prior: str) -> tuple[np.ndarray, Any, Any]:
    """y as networks see it, (6, WIDTH); the prior's mean at y, (6, LATENT), and its scale."""
    seen = VECTORS if kind == "vectors" else np.eye(WIDTH)[LABELS]
    if prior == "standard":
        return seen, np.zeros((6, LATENT)), np.ones(LATENT)
    return seen, seen @ PRIOR + PRIOR_BIAS, PRIOR_SCALE


def exact(engine: str, kind: str, prior: str) -> Any:
    """The pair with these parameters and the exact posterior as its guide."""
    options: Any = {"data_dim": COLUMNS, "latent_dim": LATENT, "hidden": (), "prior": prior}
    options |= {"classes" if kind == "classes" else "condition_dim": WIDTH}
    options |= {"likelihood": "gaussian", "noise_scale": NOISE}
    y = VECTORS if kind == "vectors" else LABELS
    scale = np.ones(LATENT) if prior == "standard" else PRIOR_SCALE
    to_mean, mean_bias = (PRIOR, PRIOR_BIAS) if prior == "conditional" else (0 * PRIOR, 0)
    variance = 1 / (1 / scale**2 + (WEIGHT**2).sum(1) / NOISE**2)
    from_x = (variance[:, None] * WEIGHT).T / NOISE**2
    encoder = np.zeros((COLUMNS + WIDTH, 2 * LATENT))
    encoder[:COLUMNS, :LATENT] = from_x
    encoder[COLUMNS:, :LATENT] = variance * to_mean / scale**2 - FROM_Y @ from_x
    encoder_bias = np.r_[variance * mean_bias / scale**2 - BIAS @ from_x, np.log(variance) / 2]
    values = {
        "encoder": (encoder, encoder_bias),
        "decoder": (np.r_[WEIGHT, FROM_Y], BIAS),
        "prior": (np.c_[PRIOR, np.zeros((WIDTH, LATENT))], np.r_[PRIOR_BIAS, np.log(PRIOR_SCALE)]),
    }

    def replaced(path: Any, leaf: Any) -> Any:
        value = values[path[0].key.removesuffix("$params")][path[-1].key == "bias"]
        assert value.shape == leaf.shape
        return jnp.asarray(value, jnp.float32)

    ours = create("conditional_vae", engine="numpyro", **options)
    template = numpyro_site_params(ours, (X, y))
    fitted = StoredPair(ours, jax.tree_util.tree_map_with_path(replaced, template))
    if engine == "numpyro":
        return fitted
    other = create("conditional_vae", engine="pyro", **options)
    return rebuild(other, kernel_names(parameters(fitted)), (X, y))


@pytest.mark.parametrize(
    ("kind", "prior"),
    [("vectors", "conditional"), ("classes", "conditional"), ("classes", "standard")],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_likelihood_is_that_of_x_given_y(engine: str, kind: str, prior: str) -> None:
    seen, mean, scale = known(kind, prior)
    covariance = (WEIGHT.T * scale**2) @ WEIGHT + NOISE**2 * np.eye(COLUMNS)
    centre = mean @ WEIGHT + seen @ FROM_Y + BIAS
    expected = multivariate_normal(np.zeros(COLUMNS), covariance).logpdf(X - centre)
    y = VECTORS if kind == "vectors" else LABELS
    estimate = log_likelihood(exact(engine, kind, prior), (X, y), 2)
    np.testing.assert_allclose(estimate.per_datum, expected, rtol=1e-5)
    turned = multivariate_normal(np.zeros(COLUMNS), covariance).logpdf(X - centre[::-1])
    assert np.abs(turned - expected).min() > 0.01  # another y would have been noticed


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_are_drawn_for_each_condition(engine: str) -> None:
    """Means of 4,000 draws per class against the closed form.

    A column deviates by 1.7 at most, its mean by 0.03, and by 0.25 once in 10^15 tests.
    """
    y = np.repeat(np.arange(WIDTH), 4_000)
    _, draws = load_engine(engine).draw(exact(engine, "classes", "conditional"), len(y), 0, y)
    for label in range(WIDTH):
        mean = (PRIOR[label] + PRIOR_BIAS) @ WEIGHT + FROM_Y[label] + BIAS
        np.testing.assert_allclose(draws[y == label].mean(0), mean, atol=0.25)


BAD = {
    "no condition": ({"classes": 3}, None, "y is missing.*a class for each row"),
    "no vector": ({"condition_dim": 3}, None, r"y is missing.*\(N, 3\)"),
    "an unknown class": ({"classes": 2}, LABELS, "0 to 1; got 2 in row 1"),
    "a missing label": ({"classes": 3}, np.where(LABELS > 1, -1, LABELS), "got -1 in row 1"),
    "classes as vectors": ({"classes": 3}, VECTORS, "whole numbers"),
    "vectors as classes": ({"condition_dim": 3}, LABELS, r"shape \(6, 3\), got \(6,\)"),
    "other columns": ({"condition_dim": 4}, VECTORS, r"shape \(6, 4\), got \(6, 3\)"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("model", ["conditional_vae", "conditional_network"])
@pytest.mark.parametrize("engine", ENGINES)
def test_conditions_that_cannot_be_are_refused(engine: str, model: str, case: str) -> None:
    options, y, message = BAD[case]
    pair: Any = create(model, engine=engine, data_dim=COLUMNS, hidden=(), **options)
    batch = (X,) if y is None else (X, y)
    with pytest.raises(DataError, match=message):
        fit(pair, batch, steps=1, progress=False)
    with pytest.raises(DataError, match=message):
        log_likelihood(pair, batch, 2)
    to_array: Any = jnp.asarray if engine == "numpyro" else torch.as_tensor
    given = tuple(map(to_array, batch))
    with pytest.raises(ValueError, match=message):
        pair.model(*given)
    with pytest.raises(ValueError, match=message.replace("6", "[6N]")):
        pair.model(None, *given[1:])


@pytest.mark.parametrize("model", ["conditional_vae", "conditional_network"])
@pytest.mark.parametrize("engine", ENGINES)
def test_arguments_out_of_range_are_refused(engine: str, model: str) -> None:
    for options, message in (
        ({}, "give one of classes= .* and condition_dim="),
        ({"classes": 2, "condition_dim": 2}, "give one of classes="),
        ({"classes": 0}, "classes must be"),
        ({"condition_dim": -1}, "condition_dim must be"),
        ({"classes": 2, "likelihood": "poisson"}, "likelihood must be"),
    ):
        with pytest.raises(ValueError, match=message):
            create(model, engine=engine, **options)
    with pytest.raises(ValueError, match="prior must be"):
        create("conditional_vae", engine=engine, classes=2, prior="flat")
    with pytest.raises(ValueError, match="latent_dim must be"):
        create("conditional_vae", engine=engine, classes=2, latent_dim=0)
