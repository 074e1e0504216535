"""Bayesian regression against the Gaussian posterior in closed form, and NUTS."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rows import ENGINES
from scipy import stats

from inference import ELBO, NUTS, fit, posterior_error
from inference.engines import load_engine
from ppl_models import create

multivariate_normal: Any = stats.multivariate_normal  # scipy's types are not those of its laws

RANDOM = np.random.default_rng(0)
Y = RANDOM.normal(size=(60, 2)).astype(np.float32)
REAL = (Y @ [[1.0], [-2.0]] + 0.5 + RANDOM.normal(size=(60, 1))).astype(np.float32)
BINARY = (RANDOM.random((60, 1)) < 1 / (1 + np.exp(-REAL))).astype(np.float32)
LINEAR: dict[str, Any] = {"likelihood": "gaussian", "hierarchical": False, "noise_scale": 0.8}


def exact() -> tuple[np.ndarray, np.ndarray, float]:
    """Mean and precision of (slopes, intercept), and log p(x), of the linear pair."""
    design = np.hstack([2.5 * Y.astype(float), np.ones((60, 1))])
    prior = np.diag([1.0, 1.0, 25.0])
    precision = np.linalg.inv(prior) + design.T @ design / 0.8**2
    mean = np.linalg.solve(precision, design.T @ REAL[:, 0].astype(float) / 0.8**2)
    covariance = design @ prior @ design.T + 0.8**2 * np.eye(60)
    evidence = multivariate_normal(np.zeros(60), covariance).logpdf(REAL[:, 0])
    return mean, precision, float(evidence)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_best_mean_field_of_a_gaussian_posterior(engine: str) -> None:
    """Set by hand: the bound is log p(x) - KL, in closed form, and no step away is better."""
    mean, precision, evidence = exact()
    pair = create("bayesian_regression", engine=engine, **LINEAR)
    spread = -0.5 * np.log(np.diag(precision))
    weights = {
        "slopes_loc": mean[:2],
        "slopes_log_scale": spread[:2],
        "intercept_loc": mean[2],
        "intercept_log_scale": spread[2],
    }
    pair.set_weights({n: np.asarray(v, dtype=np.float32) for n, v in weights.items()})
    grads, losses = load_engine(engine).gradients(pair, ELBO(20), (REAL, Y), 200)
    want = evidence - 0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1])
    error = losses.std(ddof=1) / 200**0.5
    assert abs(-losses.mean() - want) < 5 * error + 1e-3
    for name, each in grads.items():
        deviations = abs(each.mean(0)) / (each.std(0, ddof=1) / 200**0.5 + 1e-6)
        assert (deviations < 5).all(), name


def test_svi_finds_it() -> None:
    mean, precision, _ = exact()
    pair = create("bayesian_regression", engine="numpyro", data_size=60, **LINEAR)
    run = fit(
        pair, (REAL, Y), objective=ELBO(10), batch_size=30, steps=1500, learning_rate=0.02,
        seed=0, progress=False,
    )  # fmt: skip
    deviation = np.diag(precision) ** -0.5
    found = run.parameters
    located = np.append(found["slopes_loc"], found["intercept_loc"])
    assert (abs(located - mean) < 0.5 * deviation).all()
    spread = np.append(found["slopes_log_scale"], found["intercept_log_scale"])
    np.testing.assert_allclose(spread, np.log(deviation), atol=0.3)


def test_logistic_means_are_near_those_of_nuts() -> None:
    """Of coefficients that share their size; mean field is too narrow and off by less than one."""
    pair = create("bayesian_regression", engine="numpyro")
    run = fit(pair, (BINARY, Y), objective=ELBO(10), steps=1000, learning_rate=0.02, progress=False)
    chains = NUTS(num_warmup=200, num_samples=200).sample(pair, (BINARY, Y))
    sites: Any = posterior_error(run, chains, (BINARY, Y)).sites
    assert (sites["mean_error"] < 0.7).all()
    assert sites["log_sd_ratio"]["intercept"] < 0.3


@pytest.mark.parametrize("engine", ENGINES)
def test_arguments_are_explained(engine: str) -> None:
    pair = create("bayesian_regression", engine=engine)
    with pytest.raises(ValueError, match=r"y must have shape \(60, 2\)"):
        pair.check_batch(BINARY)
    with pytest.raises(ValueError, match=r"got \(60, 3\)"):
        pair.check_batch(BINARY, np.hstack([Y, BINARY]))
    with pytest.raises(ValueError, match="data_dim must be 1"):
        create("bayesian_regression", engine=engine, data_dim=2)
