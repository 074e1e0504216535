"""General Boltzmann machines against sums over all states of all units, written in numpy."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from jax import random
from rows import ENGINES
from scipy.stats import chi2
from small_rbm import states

from inference import CD, ELBO, complete, fit, log_likelihood, log_partition, valid_objectives
from inference.engines import load_engine
from ppl_models import create
from ppl_models.networks.energies import boltzmann, boltzmann_numpyro

D, H = 5, 3
NOISE = np.random.default_rng(0)
VALUES = {
    "weight": NOISE.normal(size=(D, H)),
    "visible_bias": NOISE.normal(size=D),
    "hidden_bias": NOISE.normal(size=H),
    "visible_weight": NOISE.normal(size=(D, D)),
    "hidden_weight": NOISE.normal(size=(H, H)),
}
VALUES = {name: value.astype(np.float32).astype(np.float64) for name, value in VALUES.items()}
X, Y = states(D), states(H)
ROWS = X[NOISE.integers(0, 2**D, 12)].astype(np.float32)
each_engine = pytest.mark.parametrize("engine", ENGINES)


def joint(values: dict[str, Any]) -> Any:
    """log f(v, h) of all states, one connection after another, (2^D, 2^H)."""
    found = (X @ values["visible_bias"])[:, None] + (Y @ values["hidden_bias"])[None]
    found = found + X @ values["weight"] @ Y.T
    for i in range(D):
        for j in range(i):
            found = found + (values["visible_weight"][i, j] * X[:, i] * X[:, j])[:, None]
    for i in range(H):
        for j in range(i):
            found = found + (values["hidden_weight"][i, j] * Y[:, i] * Y[:, j])[None]
    return found


def log_z(values: dict[str, Any]) -> float:
    return float(np.logaddexp.reduce(joint(values), None))


LOG_P = np.logaddexp.reduce(joint(VALUES), 1) - log_z(VALUES)


def pair(engine: str, **more: Any) -> Any:
    made: Any = create("boltzmann_machine", engine=engine, data_dim=D, hidden_dim=H, **more)
    made.set_weights({name: value.astype(np.float32) for name, value in VALUES.items()})
    return made


def codes(rows: Any) -> Any:
    return (np.asarray(rows) @ 2 ** np.arange(D)[::-1]).astype(int)


@each_engine
def test_density_and_constant_are_sums_over_all_states(engine: str) -> None:
    found = log_likelihood(pair(engine), X.astype(np.float32))
    np.testing.assert_allclose(found.per_datum, LOG_P, rtol=1e-4, atol=1e-4)
    bare = pair(engine, normaliser="none")
    assert log_partition(bare, "exact").log_z == pytest.approx(log_z(VALUES), rel=1e-5)
    found = log_likelihood(bare, ROWS, method="exact")
    np.testing.assert_allclose(found.per_datum, LOG_P[codes(ROWS)], rtol=1e-4, atol=1e-4)


@each_engine
def test_the_exact_gradient_is_boltzmann_learning_s(engine: str) -> None:
    """Statistics of pairs of units with the data held less those of the free machine."""
    found, _ = load_engine(engine).gradients(pair(engine), ELBO(), (ROWS,), 1)
    every = joint(VALUES)
    held = np.exp(every - np.logaddexp.reduce(every, 1)[:, None])
    data = np.bincount(codes(ROWS), minlength=2**D)[:, None] * held
    apart = data - len(ROWS) * np.exp(every - log_z(VALUES))  # (2^D, 2^H)
    expected = {
        "weight": X.T @ apart @ Y,
        "visible_bias": X.T @ apart.sum(1),
        "hidden_bias": apart.sum(0) @ Y,
        "visible_weight": np.tril(X.T @ (apart.sum(1)[:, None] * X), -1),
        "hidden_weight": np.tril(Y.T @ (apart.sum(0)[:, None] * Y), -1),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(-found[name][0], value, rtol=1e-3, atol=2e-3, err_msg=name)


def matrix() -> Any:
    """One step: h given v, then unit after unit of v given h and all others, (2^D, 2^D)."""
    every = joint(VALUES)
    up = np.exp(every - np.logaddexp.reduce(every, 1)[:, None])
    total = np.zeros((2**D, 2**D))
    numbers = np.arange(2**D)
    for h in range(2**H):
        sweep = np.eye(2**D)
        for bit in range(D - 1, -1, -1):  # the first unit is the highest bit
            turned = numbers ^ (1 << bit)
            on = 1 / (1 + np.exp(every[:, h] - every[turned, h]))  # the chance of the other value
            one = np.zeros((2**D, 2**D))
            one[numbers, turned], one[numbers, numbers] = on, 1 - on
            sweep = sweep @ one
        total += up[:, h][:, None] * sweep
    return total


@each_engine
def test_a_step_is_drawn_by_the_transition_matrix(engine: str) -> None:
    """Chi-squared of 40,000 steps from one state, false-failure rate 1e-5; another state fails."""
    kernel, count, start = matrix(), 40_000, 9
    np.testing.assert_allclose(np.exp(LOG_P) @ kernel, np.exp(LOG_P), atol=1e-12)
    order = "weight", "visible_bias", "hidden_bias", "visible_weight", "hidden_weight"
    begun = np.repeat(X[start : start + 1], count, 0)
    if engine == "pyro":
        law = boltzmann.Boltzmann(*(torch.tensor(VALUES[name]) for name in order))
        ends = law.transition(torch.tensor(begun), torch.Generator().manual_seed(0)).numpy()
    else:
        own = (jnp.asarray(VALUES[name], jnp.float32) for name in order)
        law = boltzmann_numpyro.Boltzmann(*own)
        ends = law.transition(jnp.asarray(begun, jnp.float32), random.PRNGKey(0))
    found = np.bincount(codes(ends), minlength=2**D)
    for state, fits in ((start, True), (start + 1, False)):
        expected = count * kernel[state]
        rare = expected < 5
        seen = np.append(found[~rare], found[rare].sum())
        pooled = np.append(expected[~rare], expected[rare].sum())
        distance = ((seen - pooled) ** 2 / np.maximum(pooled, 1e-9)).sum()
        assert (distance < chi2.isf(1e-5, len(pooled) - 1)) == fits


@each_engine
def test_the_rest_is_drawn_given_what_is_observed(engine: str) -> None:
    """Chi-squared of 4,000 draws of 3 units given 2 others of each row, rate 1e-5."""
    start = np.tile(X[[0b01010, 0b11001]].astype(np.float32), (2000, 1))
    held = np.tile(np.array([[1, 0, 0, 1, 0], [0, 1, 1, 0, 0]], bool), (2000, 1))
    drawn = complete(pair(engine), start, held, steps=40)
    np.testing.assert_array_equal(drawn[held], start[held])
    for row in range(2):
        agree = (X[:, held[row]] == start[row, held[row]]).all(1)
        expected = np.exp(LOG_P[agree]) / np.exp(LOG_P[agree]).sum() * 2000
        seen = np.bincount(codes(drawn[row::2]), minlength=2**D)[agree]
        assert ((seen - expected) ** 2 / expected).sum() < chi2.isf(1e-5, 7)


@each_engine
def test_annealing_finds_the_constant(engine: str) -> None:
    """Within 5 standard errors, which are less than 0.04 nats."""
    found = log_partition(
        pair(engine, normaliser="none"), "ais", base="uniform", num_chains=400, num_temperatures=60
    )
    error = (found.upper - found.lower) / 6
    assert abs(found.log_z - log_z(VALUES)) < 5 * error < 0.2


@each_engine
def test_which_objectives_take_it(engine: str) -> None:
    bare = valid_objectives(pair(engine, normaliser="none"), ROWS)
    assert set(bare.valid) == {"CD", "PseudoLikelihood", "NCE"}
    assert "'x' says normalised = False" in bare.refused["ELBO"]
    assert {"ELBO", "CD", "PseudoLikelihood"} <= set(valid_objectives(pair(engine), ROWS).valid)


@each_engine
def test_without_hidden_units_it_is_fully_visible(engine: str) -> None:
    made: Any = create("boltzmann_machine", engine=engine, data_dim=4, hidden_dim=0, burn_in=5)
    run = fit(made, ROWS[:, :4], objective=CD(), steps=2, progress=False)
    total = log_likelihood(run, states(4).astype(np.float32)).per_datum
    assert np.exp(total).sum() == pytest.approx(1, abs=1e-4)
    assert run.sample(3, mean=False).shape == (3, 4)


@each_engine
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"hidden_dim": 13}, "hidden_dim must be at most 12, .* the model 'rbm'"),
        ({"data_dim": 18}, r"normaliser='exact': .* there are 23, and up to 20 can be summed"),
        ({"normaliser": "sum"}, "normaliser must be one of none, exact"),
        ({"hidden_dim": -1}, "hidden_dim must be a whole number"),
        ({"data_mean": [0.5]}, r"data_mean must have shape \(10,\)"),
    ],
)
def test_bad_arguments_are_named(engine: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        create("boltzmann_machine", engine=engine, **options)
