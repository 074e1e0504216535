"""Running averages of what a pair has learnt, against averages written out in numpy."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_runs import (
    assert_same_parameters,
    assert_same_run,
    bare,
    binary,
    differs,
    learnt,
    quick,
)

from inference import Adversarial, load_run, log_likelihood
from ppl_models import create

STEPS, DECAY = 9, 0.7


def averaged(values: list[np.ndarray], decay: float) -> np.ndarray:
    """The mean of values weighed by decay^(how long ago), as a loop."""
    total, weights = np.zeros(values[0].shape), 0.0
    for value in values:
        total, weights = decay * total + value, decay * weights + 1
    return total / weights


def free(name: str, value: np.ndarray) -> np.ndarray:
    """A parameter without its constraint."""
    if name == "spread":  # between 0 and 2
        return np.log(value / (2 - value))
    return np.log(value) if name == "scale" else value


@functools.cache
def after(learning: str, engine: str, steps: int) -> dict[str, np.ndarray]:
    return learnt(learning, engine, steps=steps, learning_rate=0.3).parameters


@pytest.mark.parametrize("learning", ["elbo", "adversarial"])
@pytest.mark.parametrize("decay", [DECAY, 1.0])
def test_against_a_loop_over_runs_that_end_earlier(
    learning: str, decay: float, engine: str
) -> None:
    """Of two turns of the critic and one of the generator, the third alone counts."""
    # After the last generator's step come steps of the critic, which move no average.
    ends, steps = ((3, 6, 9), 11) if learning == "adversarial" else ((1, 2, 3), 3)
    values = [after(learning, engine, end) for end in ends]
    run = learnt(learning, engine, steps=steps, learning_rate=0.3, average_decay=decay)
    assert run.parameters.keys() == values[0].keys()
    for name, value in run.parameters.items():
        expected = averaged([free(name, each[name]) for each in values], decay)
        np.testing.assert_allclose(free(name, value), expected, rtol=1e-5, atol=1e-5, err_msg=name)
    assert differs(run.parameters, values[-1])


def test_decay_zero_is_no_averaging_to_the_bit(engine: str) -> None:
    """And averages change no step: the losses are those of the last values."""
    plain, zero, some = (
        learnt("adversarial", engine, steps=STEPS, valid=binary(7, seed=5), average_decay=decay)
        for decay in (None, 0.0, DECAY)
    )
    assert_same_run(plain, zero)
    assert [row["loss"] for row in plain.rows] == [row["loss"] for row in some.rows]
    assert_same_parameters(plain.owned, some.owned)
    assert differs(plain.parameters, some.parameters)


@pytest.mark.parametrize("learning", ["elbo", "adversarial"])
def test_a_resumed_run_is_the_whole_run(learning: str, engine: str, tmp_path: Path) -> None:
    arguments: Any = {"valid": binary(7, seed=5), "average_decay": DECAY}
    whole = learnt(learning, engine, steps=STEPS, **arguments)
    out = tmp_path / "run"
    learnt(learning, engine, steps=5, out=out, **arguments)
    resumed = learnt(learning, engine, steps=STEPS, out=out, resume=True, **arguments)
    assert_same_run(whole, resumed)
    assert_same_parameters(whole.owned, resumed.owned)
    if learning == "elbo":
        loaded = load_run(out, pair=bare(engine), batch=(binary(3),))
        assert_same_parameters(whole.parameters, loaded.parameters)
        assert loaded.spec["training"]["average_decay"] == DECAY


def test_validation_judges_averages(engine: str) -> None:
    """Of a model without latents the bound is exact."""
    valid = binary(7, seed=5)
    pair = create("fully_visible", engine=engine, data_dim=valid.shape[1])
    keywords: Any = {"valid": valid, "steps": 12, "learning_rate": 0.1}
    run = quick(pair, binary(), average_decay=0.9, **keywords)
    bound = run.rows[-1]["valid_bound"]
    assert bound == pytest.approx(log_likelihood(run.pair, valid).mean, rel=1e-5)
    plain = quick(pair, binary(), **keywords)
    assert abs(plain.rows[-1]["valid_bound"] - bound) > 1e-3


def statistics(run: Any) -> np.ndarray:
    """Means of the first batch normalisation."""
    if hasattr(run.pair.wrapped, "state_dict"):
        return run.pair.wrapped.state_dict()["decoder.norms.0.mean"].numpy()
    return np.asarray(run.params["decoder$state"]["state"]["norms"][0]["mean"])


def test_statistics_of_batch_normalisation(engine: str) -> None:
    def means(steps: int, decay: float | None = None) -> np.ndarray:
        pair = create(
            "mlp_generator", engine=engine, data_dim=6, latent_dim=2, hidden=(3,),
            normalise="batch",
        )  # fmt: skip
        against = Adversarial(hidden=(4,))
        return statistics(
            quick(pair, binary(), objective=against, steps=steps, average_decay=decay)
        )

    expected = averaged([means(step) for step in (2, 4)], DECAY)
    np.testing.assert_allclose(means(4, DECAY), expected, rtol=1e-5)
    assert np.abs(means(4) - expected).max() > 1e-4


def test_best_values_are_averages(engine: str, reports: None) -> None:
    """The report with the best bound has averages of its own time."""
    keywords: Any = {"steps": 24, "learning_rate": 0.5, "valid": binary(7, seed=5)}
    pair = create("fully_visible", engine=engine, data_dim=6)
    run = quick(pair, binary(), average_decay=DECAY, patience=2, **keywords)
    bounds = [row["valid_bound"] for row in run.rows]
    best = max(bounds)
    assert best > bounds[-1]
    found = log_likelihood(run.pair, keywords["valid"]).mean
    assert found == pytest.approx(best, rel=1e-5)
