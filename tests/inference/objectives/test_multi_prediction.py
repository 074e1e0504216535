"""Multi-prediction training against mean field written in numpy, layer by layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rows import ENGINES
from scipy.special import expit

from inference import MultiPrediction, fit, valid_objectives
from inference.engines import load_engine
from inference.errors import ArgumentError
from ppl_models import create

SIZES = {"data_dim": 4, "hidden_dims": (3, 2), "centred": False}
NOISE = np.random.default_rng(0)
SHAPES = {
    "weight_1": (4, 3),
    "weight_2": (3, 2),
    "data_bias": (4,),
    "bias_1": (3,),
    "bias_2": (2,),
}
VALUES = {name: NOISE.normal(size=shape) for name, shape in SHAPES.items()}
X = (NOISE.random((6, 4)) < 0.5).astype(np.float32)
each_engine = pytest.mark.parametrize("engine", ENGINES)


def predicted(values: dict[str, Any], x: Any, held: Any, sweeps: int) -> Any:
    """Log odds of x: h1 of x and h2, then x and h2 of h1, over and over."""
    data, above = expit(values["data_bias"]), expit(values["bias_2"])
    logits = values["data_bias"] + 0 * x
    data = data + 0 * x
    for _ in range(sweeps):
        shown = np.where(held == 1, x, data)
        middle = expit(values["bias_1"] + shown @ values["weight_1"] + above @ values["weight_2"].T)
        logits = values["data_bias"] + middle @ values["weight_1"].T
        data, above = expit(logits), expit(values["bias_2"] + middle @ values["weight_2"])
    return logits


def told(values: dict[str, Any], x: Any, held: Any, sweeps: int) -> float:
    logits = predicted(values, x, held, sweeps)
    return float(((1 - held) * (x * logits - np.logaddexp(0, logits))).sum())


def climbed(engine: str, objective: Any, rows: Any, repeats: int) -> Any:
    made: Any = create("dbm", engine=engine, **SIZES)
    made.set_weights({name: value.astype(np.float32) for name, value in VALUES.items()})
    found, losses = load_engine(engine).gradients(made, objective, (rows,), repeats)
    return {name: -np.asarray(each, np.float64) for name, each in found.items()}, -losses


@each_engine
@pytest.mark.parametrize("sweeps", [1, 4])
def test_value_and_gradient_where_everything_is_hidden(engine: str, sweeps: int) -> None:
    """With share=1 nothing is drawn; central differences of the numpy twin."""
    none = np.zeros_like(X, np.float64)
    found, values = climbed(engine, MultiPrediction(sweeps, share=1.0), X, 1)
    assert values[0] == pytest.approx(told(VALUES, X, none, sweeps), rel=1e-5)
    for name, value in VALUES.items():
        entry = (0,) * value.ndim
        up, down = ({**VALUES, name: value.copy()} for _ in range(2))
        up[name][entry] += 1e-5
        down[name][entry] -= 1e-5
        slope = (told(up, X, none, sweeps) - told(down, X, none, sweeps)) / 2e-5
        assert found[name][0][entry] == pytest.approx(slope, rel=2e-3, abs=1e-3), name


@each_engine
def test_the_mean_over_what_is_hidden(engine: str) -> None:
    """All 16 sets of hidden entries by their chances; 400 draws, within 5 errors (6e-7)."""
    share, total = 0.3, 0.0
    for number in range(16):
        held = ((number >> np.arange(4)) & 1).astype(float)
        chance = np.prod(np.where(held == 1, 1 - share, share))
        total += chance * told(VALUES, X, held + 0 * X, 3)
    _, values = climbed(engine, MultiPrediction(3, share=share), X, 400)
    error = values.std(ddof=1) / np.sqrt(len(values))
    assert abs(values.mean() - total) < 5 * error < 0.2 * abs(total)


@each_engine
def test_it_learns_to_complete_and_refuses_others(engine: str) -> None:
    rows = np.repeat([[1, 1, 0, 0], [0, 0, 1, 1]], 20, 0).astype(np.float32)
    made = create("dbm", engine=engine, **SIZES, seed=1)
    run = fit(
        made, rows, objective=MultiPrediction(4), steps=300, learning_rate=0.05, progress=False
    )
    assert run.rows[-1]["loss"] < 0.5 * run.rows[0]["loss"]
    own = {name: np.asarray(value, np.float64) for name, value in run.parameters.items()}
    held = np.array([[1.0, 0.0, 0.0, 0.0]] * 2)
    chances = expit(predicted(own, np.array([[1.0, 0, 0, 0], [0.0, 0, 0, 0]]), held, 4))
    np.testing.assert_allclose(chances[:, 1:], [[1, 0, 0], [0, 1, 1]], atol=0.15)
    alone = create("rbm", engine=engine, data_dim=4, hidden_dim=3)
    assert (
        "no distribution of this model has predict"
        in (valid_objectives(alone, rows).refused["MultiPrediction"])
    )


def test_bad_arguments_are_named() -> None:
    for make, words in (
        (lambda: MultiPrediction(0), "sweeps must be a whole number"),
        (lambda: MultiPrediction(share=0.0), "share must be positive"),
        (lambda: MultiPrediction(share=1.5), r"share must be above 0 and at most 1\.0, got 1\.5"),
    ):
        with pytest.raises(ArgumentError, match=words):
            make()
