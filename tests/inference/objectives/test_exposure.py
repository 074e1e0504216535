"""Scheduled sampling: its optimum in closed form, its schedule, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rows import ENGINES, ROWS
from sequential_laws import put, states

from inference import ScheduledSampling, fit, log_likelihood, valid_objectives
from inference.engines import load_engine
from inference.errors import ObjectiveError
from ppl_models import create

COUNTS = np.array([[30, 10], [15, 45]])
X = np.repeat(states(2), 20 * COUNTS.reshape(-1), axis=0)
SHARE = COUNTS / COUNTS.sum()
both = pytest.mark.parametrize("engine", ENGINES)


def entropy(p: Any) -> float:
    return float(-(p * np.log(p)).sum())


def fitted(engine: str, objective: Any) -> Any:
    pair = create("fully_visible", engine=engine, data_dim=2)
    settings: dict[str, Any] = {"batch_size": len(X), "learning_rate": 0.2, "schedule": "cosine"}
    return fit(pair, X, objective=objective, steps=120, progress=False, **settings)


@both
def test_a_mean_over_several_orders_is_refused(engine: str) -> None:
    batch = states(3)
    for orders, masks in ((1, 2), (2, 1)):
        pair = create("made", engine=engine, data_dim=3, hidden=(4,), orders=orders, masks=masks)
        found = valid_objectives(pair, batch)
        assert ("ScheduledSampling" in found.valid) is (orders == 1)
    assert "build the pair with orders=1" in found.refused["ScheduledSampling"].lower()
    with pytest.raises(ObjectiveError, match="a mean over several orders"):
        fit(pair, batch, objective=ScheduledSampling(), steps=1, progress=False)


@both
@pytest.mark.parametrize("parallel", [False, True])
def test_its_optimum_is_the_product_of_marginals(engine: str, parallel: bool) -> None:
    """Huszar 2015: with probability 1 it ends at p(x1) p(x2), whose loss is H(x1) + H(x2).

    Each step draws 2,000 inputs; the mean of the last steps' gradients errs by less than 0.002.
    """
    run = fitted(engine, ScheduledSampling(probability=1.0, parallel=parallel))
    first, second = SHARE.sum(1), SHARE.sum(0)
    found = log_likelihood(run.pair, states(2), 1).per_datum
    np.testing.assert_allclose(found, np.log(np.outer(first, second)).reshape(-1), atol=0.02)
    assert run.rows[-1]["loss"] == pytest.approx(entropy(first) + entropy(second), abs=0.01)
    assert entropy(first) + entropy(second) > entropy(SHARE) + 0.1


@both
def test_without_own_inputs_it_is_the_likelihood(engine: str) -> None:
    run = fitted(engine, ScheduledSampling(probability=0.0))
    found = log_likelihood(run.pair, states(2), 1).per_datum
    np.testing.assert_allclose(found, np.log(SHARE).reshape(-1), atol=0.02)
    assert run.rows[-1]["loss"] == pytest.approx(entropy(SHARE), abs=1e-3)
    assert run.unit == "nats per datum, own inputs"


@both
@pytest.mark.parametrize("parallel", [False, True])
def test_its_mean_gradient_is_that_of_the_mixed_inputs(engine: str, parallel: bool) -> None:
    """The gradient by the slope b of x2 on x1, against a sum over the coin and the draw.

    200 draws of each of 200 rows; within 5 standard errors (rate 6e-7) of e E over own x1 plus
    (1 - e) of the data's. A draw of x1 for all rows at once, or a coin for all, fails by the error.
    """
    fresh = create("fully_visible", engine=engine, data_dim=2)
    weight, bias = np.array([[0.0, 0.0], [2.5, 0.0]]), np.array([0.7, -1.5])
    put(fresh, weight, bias)
    x, e = X[::10], 0.4
    objective = ScheduledSampling(probability=e, parallel=parallel)
    gradients, _ = load_engine(engine).gradients(fresh, objective, (x,), 200)
    name = min(gradients, key=lambda name: "bias" in name)
    found = gradients[name][:, 1, 0] if engine == "pyro" else gradients[name][:, 0, 1]

    def slope(v: Any, target: Any) -> Any:  # of -log p(x2 | v) by the weight
        return (1 / (1 + np.exp(-(bias[1] + weight[1, 0] * v))) - target) * v

    p1 = 1 / (1 + np.exp(-bias[0]))
    mixed = e * p1 * slope(1.0, x[:, 1]) + (1 - e) * slope(x[:, 0], x[:, 1])
    error = found.std(ddof=1) / np.sqrt(len(found))
    assert abs(found.mean() - mixed.sum()) < 5 * error
    assert abs(slope(x[:, 0], x[:, 1]).sum() - mixed.sum()) > 10 * error


@both
def test_the_probability_rises_over_the_warm_up(engine: str) -> None:
    """At the joint optimum the loss is H(x1, x2) in the first step, and more after the warm-up."""
    pair = fitted(engine, "elbo").pair
    losses = []
    for steps in (1, 12):
        run = fit(
            pair,
            X,
            objective=ScheduledSampling(probability=1.0, warmup_steps=10),
            steps=steps,
            batch_size=len(X),
            learning_rate=1e-9,
            progress=False,
        )
        losses.append(run.rows[-1]["loss"])
    assert losses[0] == pytest.approx(entropy(SHARE), abs=2e-3)
    assert losses[1] > losses[0] + 0.02


@both
def test_keys_of_a_step_are_replaced_together(engine: str) -> None:
    row = ROWS["recurrent"]
    pair, batch = create("recurrent", engine=engine, **row.hyperparameters), row.batch(6)
    run = fit(pair, batch, objective=ScheduledSampling(0.5), steps=2, progress=False)
    assert np.isfinite(run.rows[-1]["loss"])


@both
def test_it_is_for_sequential_models_without_latents(engine: str) -> None:
    for row, words in (("vae", "latent 'z'"), ("conditional-network", "entry of the data")):
        pair, batch = create(ROWS[row].model, engine=engine, **ROWS[row].hyperparameters), None
        batch = ROWS[row].batch(4)
        assert words in valid_objectives(pair, *batch).refused["ScheduledSampling"]
    pair = create("vae", engine=engine, **ROWS["vae"].hyperparameters)
    with pytest.raises(ObjectiveError, match="latent 'z'"):
        fit(pair, ROWS["vae"].batch(4), objective="scheduledsampling", steps=1)


@pytest.mark.parametrize(
    ("settings", "words"), [({"probability": 1.5}, "probability"), ({"warmup_steps": -1}, "warmup")]
)
def test_bad_settings_are_named(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ScheduledSampling(**settings)
