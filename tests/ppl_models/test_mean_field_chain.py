"""Independent states as a guide of a chain: what they are, and what they cost, against Kalman's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rows import ENGINES
from scoring import log_densities

from inference import ELBO, bound_parts, fit
from ppl_models import create

LENGTH, NOISE = 4, 0.5
SMALL: dict[str, Any] = {
    "data_dim": 2, "length": LENGTH, "latent_dim": 1, "hidden": (), "transition": "linear",
    "likelihood": "gaussian", "noise_scale": NOISE, "guide_hidden": 8,
}  # fmt: skip
X = np.random.default_rng(0).normal(size=(3, LENGTH, 2)).astype(np.float32)


def proposed(pair: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and scales of each state, (3, LENGTH), by log q at three values of it."""
    mean, scale = np.zeros((2, 3, LENGTH))
    for t in range(LENGTH):
        at = []
        for value in (-1.0, 0.0, 1.0):
            z = np.zeros((3, LENGTH, 1), np.float32)
            z[:, t] = value
            at.append(log_densities(pair, (x,), {"z": z})[1].astype(np.float64))
        curved = at[0] - 2 * at[1] + at[2]
        mean[:, t], scale[:, t] = -(at[2] - at[0]) / 2 / curved, (-curved) ** -0.5
    return mean, scale


@pytest.mark.parametrize("engine", ENGINES)
def test_states_are_independent_and_see_past_and_future(engine: str) -> None:
    pair = create("deep_markov", engine=engine, guide="mean-field", **SMALL)
    mean, scale = proposed(pair, X)
    z = np.random.default_rng(1).normal(size=(3, LENGTH, 1)).astype(np.float32)
    _, log_q = log_densities(pair, (X,), {"z": z})
    each = -0.5 * ((z[..., 0] - mean) / scale) ** 2 - np.log(scale * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(log_q, each.sum(1), rtol=1e-3)
    for t in (0, LENGTH - 1):
        other = X.copy()
        other[:, t] += 1
        assert (abs(proposed(pair, other)[0] - mean) > 1e-4).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_steps_after_a_sequence_matter_to_nobody(engine: str) -> None:
    pair = create("deep_markov", engine=engine, guide="mean-field", **SMALL)
    lengths, z = np.array([4, 2, 1]), np.zeros((3, LENGTH, 1), np.float32)
    found = log_densities(pair, (X, lengths), {"z": z})[1]
    other, moved = X.copy(), z.copy()
    other[1, 2:], other[2, 1:], moved[1, 2:], moved[2, 1:] = 9, 9, 5, 5
    np.testing.assert_allclose(log_densities(pair, (other, lengths), {"z": moved})[1], found)


def posterior(pair: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kalman's smoother at once: means (3, LENGTH) and precision of z, and log p(x), (3,)."""
    w = {name: value.astype(np.float64) for name, value in pair.get_weights().items()}
    move, drift = w["transition.linear.weight"].item(), w["transition.linear.bias"].item()
    of_step = np.exp(-2 * w["transition.log_scale"].item())
    back = np.eye(LENGTH) - move * np.eye(LENGTH, k=-1)  # z to its innovations
    start = np.full(LENGTH, drift)
    start[0] += move * w["start.value"].item()
    prior, expected = of_step * back.T @ back, np.linalg.solve(back, start)
    shown, level = w["emission.layers.0.weight"][:, 0], w["emission.layers.0.bias"]
    precision = prior + shown @ shown / NOISE**2 * np.eye(LENGTH)
    pull = (X - level) @ shown / NOISE**2 + prior @ expected
    mean = np.linalg.solve(precision, pull.T).T
    emission = np.kron(np.eye(LENGTH), shown[:, None])
    total = emission @ np.linalg.inv(prior) @ emission.T + NOISE**2 * np.eye(2 * LENGTH)
    missed = X.reshape(3, -1) - emission @ expected - np.tile(level, LENGTH)
    log_p = -0.5 * (missed * np.linalg.solve(total, missed.T).T).sum(1)
    log_p = log_p - 0.5 * np.linalg.slogdet(2 * np.pi * total)[1]
    return mean, precision, log_p


def test_the_gap_is_the_divergence_from_kalmans_smoother() -> None:
    """After training, to the best that independent states can do; 4,000 draws, six errors."""
    pair = create("deep_markov", engine="pyro", guide="mean-field", **SMALL)
    run = fit(pair, X, objective=ELBO(5), steps=500, learning_rate=0.02, progress=False)
    mean, precision, log_p = posterior(run.pair)
    own, scale = proposed(run.pair, X)
    apart = own - mean
    determinant = np.linalg.slogdet(precision)[1]
    divergence = 0.5 * (
        (np.diag(precision) * scale**2).sum(1)
        + np.einsum("ni,ij,nj->n", apart, precision, apart)
        - LENGTH - determinant - 2 * np.log(scale).sum(1)
    )  # fmt: skip
    found = bound_parts(run, X, num_particles=4000).elbo
    assert (abs(found.per_datum - log_p + divergence) < 6 * found.per_datum_error + 1e-3).all()
    best = 0.5 * (np.log(np.diag(precision)).sum() - determinant)
    assert best > 0.01
    assert (divergence > best - 1e-5).all()
    assert divergence.mean() < best + 0.15
    np.testing.assert_allclose(own, mean, atol=0.3)
