"""Guides that take steps for each datum: natural gradient in closed form, and the gap it closes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rows import ENGINES
from scipy.stats import multivariate_normal

from inference import ELBO, Estimate, gap_decomposition
from inference.engines import load_engine
from ppl_models import create
from ppl_models.networks.latent_variables.refinement_points import sign_points

NOISE, RATE = 0.6, 0.7
SMALL: dict[str, Any] = {
    "data_dim": 4, "latent_dim": 2, "hidden": (), "likelihood": "gaussian", "noise_scale": NOISE,
    "seed": 3,
}  # fmt: skip
X = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)


def linear(pair: Any) -> dict[str, np.ndarray]:
    found = {name: value.astype(np.float64) for name, value in pair.get_weights().items()}
    return {
        f"{net}.{kind}": next(v for n, v in found.items() if n.startswith(net) and n.endswith(kind))
        for net in ("encoder", "decoder")
        for kind in ("weight", "bias")
    }


def ascended(pair: Any, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Means and scales after natural gradient on the ELBO of a linear-Gaussian model."""
    return ascended_by(linear(pair), steps)


def ascended_by(
    w: dict[str, np.ndarray], steps: int, rate: float = RATE
) -> tuple[np.ndarray, np.ndarray]:
    """The same for given weights."""
    output = X @ w["encoder.weight"].T + w["encoder.bias"]
    mean, log_scale = output[:, :2], output[:, 2:]
    precision = w["decoder.weight"].T @ w["decoder.weight"] / NOISE**2 + np.eye(2)
    pull = (X - w["decoder.bias"]) @ w["decoder.weight"] / NOISE**2
    for _ in range(steps):
        slopes = pull - mean @ precision, 1 - np.diag(precision) * np.exp(2 * log_scale)
        log_scale = log_scale - 0.5 * np.log(1 - rate * slopes[1])
        mean = mean + rate * np.exp(2 * log_scale) * slopes[0]
    return mean, np.exp(log_scale)


def proposed(pair: Any) -> tuple[np.ndarray, np.ndarray]:
    """Means and scales of the guide by its log density at three points of each entry."""
    from scoring import log_densities

    def log_q(z: np.ndarray) -> np.ndarray:
        return log_densities(pair, (X,), {"z": z.astype(np.float32)})[1].astype(np.float64)

    middle, unit = np.zeros((5, 2)), np.eye(2)
    at = [[log_q(middle + step * unit[i]) for step in (-1, 0, 1)] for i in range(2)]
    curved = np.stack([a - 2 * b + c for a, b, c in at], -1)  # -1 / s^2
    slopes = np.stack([(c - a) / 2 for a, _, c in at], -1)  # m / s^2
    return -slopes / curved, (-curved) ** -0.5


@pytest.mark.parametrize("steps", [1, 7])
@pytest.mark.parametrize("engine", ENGINES)
def test_steps_are_those_of_the_natural_gradient(engine: str, steps: int) -> None:
    pair = create("vae", engine=engine, refine=steps, refine_rate=RATE, **SMALL)
    mean, scale = proposed(pair)
    want_mean, want_scale = ascended(pair, steps)
    np.testing.assert_allclose(mean, want_mean, rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(scale, want_scale, rtol=2e-3)


@pytest.mark.parametrize("engine", ENGINES)
def test_many_steps_end_at_the_best_gaussian(engine: str) -> None:
    """Which has the posterior's mean, and the inverse of its precision's diagonal."""
    pair = create("vae", engine=engine, refine=25, refine_rate=RATE, **SMALL)
    w = linear(pair)
    precision = w["decoder.weight"].T @ w["decoder.weight"] / NOISE**2 + np.eye(2)
    mean, scale = proposed(pair)
    pull = (X - w["decoder.bias"]) @ w["decoder.weight"] / NOISE**2
    np.testing.assert_allclose(mean, pull @ np.linalg.inv(precision), atol=5e-3)
    np.testing.assert_allclose(scale, np.diag(precision) ** -0.5 + 0 * scale, rtol=5e-3)


def test_steps_close_the_amortisation_gap() -> None:
    """With exact evidence; the approximation gap of a diagonal Gaussian stays."""
    gaps, rest = [], []
    for steps in (0, 2, 25):
        pair = create("vae", engine="pyro", refine=steps, refine_rate=RATE, **SMALL)
        w = linear(pair)
        covariance = w["decoder.weight"] @ w["decoder.weight"].T + NOISE**2 * np.eye(4)
        law: Any = multivariate_normal(w["decoder.bias"], covariance)  # pyright: ignore
        known = Estimate(float(law.logpdf(X).mean()), 0.0, law.logpdf(X), "exact")
        found = gap_decomposition(pair, X, steps=60, num_draws=400, reference=known)
        gaps.append(found.amortisation.mean)
        rest.append(found.approximation.mean)
    assert gaps[0] > 0.2
    assert gaps[0] > 5 * gaps[1]
    assert abs(gaps[2]) < 0.01
    precision = w["decoder.weight"].T @ w["decoder.weight"] / NOISE**2 + np.eye(2)
    best = 0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1])
    assert abs(rest[2] - best) < 0.05


@pytest.mark.parametrize("engine", ENGINES)
def test_gradients_go_through_the_steps(engine: str) -> None:
    """The encoder's and the decoder's biases, against finite differences of the closed forms.

    200 values of the ELBO's gradient, within five errors. The ELBO of Normal(m, diag s^2) is
    pull . m - (m' P m + sum_i P_ii s_i^2) / 2 + sum log s - |x - b|^2 / (2 noise^2) and constants.
    """
    pair = create("vae", engine=engine, refine=2, refine_rate=0.2, **SMALL)
    start = linear(pair)
    found, _ = load_engine(engine).gradients(pair, ELBO(10), (X,), 200)

    def bound(weights: dict[str, np.ndarray]) -> float:
        mean, scale = ascended_by(weights, 2, 0.2)
        w, off = weights["decoder.weight"], X - weights["decoder.bias"]
        precision = w.T @ w / NOISE**2 + np.eye(2)
        each = ((off @ w) / NOISE**2 * mean).sum(1) - 0.5 * ((mean @ precision) * mean).sum(1)
        each = each - 0.5 * (np.diag(precision) * scale**2).sum(1) + np.log(scale).sum(1)
        return float((each - 0.5 * (off**2).sum(1) / NOISE**2).sum())

    for net in ("encoder", "decoder"):
        name = f"{net}.bias"
        want = np.zeros_like(start[name])
        for i in range(want.size):
            ends = []
            for step in (1e-5, -1e-5):
                moved = start[name].copy()
                moved[i] += step
                ends.append(bound({**start, name: moved}))
            want[i] = -(ends[0] - ends[1]) / 2e-5
        samples = next(v for n, v in found.items() if n.startswith(net) and n.endswith("bias"))
        error = samples.std(0) / 200**0.5
        assert abs(want).max() > 0.1
        assert (abs(samples.mean(0) - want) < 5 * error + 2e-3 * abs(want)).all()


def test_points_have_mean_zero_and_covariance_one() -> None:
    for dim in (1, 2, 3, 4, 7, 8, 50):
        points = sign_points(dim)
        np.testing.assert_array_equal(points.mean(0), 0)
        np.testing.assert_array_equal(points.T @ points / len(points), np.eye(dim))


@pytest.mark.parametrize("engine", ENGINES)
def test_what_cannot_be_refined_is_refused(engine: str) -> None:
    for wrong, message in (
        ({"latent": "categorical"}, "it needs latent='gaussian', got 'categorical'"),
        ({"flow": "iaf"}, "it needs flow='none', got 'iaf'"),
        ({"refine_rate": 0.0}, "refine_rate must be positive"),
        ({"refine_rate": 2.0}, "refine_rate must be at most 1"),
    ):
        with pytest.raises(ValueError, match=message):
            create("vae", engine=engine, refine=2, **wrong)
    with pytest.raises(ValueError, match="refine must be a whole number"):
        create("vae", engine=engine, refine=-1)
