"""The up-down algorithm against sums over all states of a deep belief net of 4-3-2 units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_dbn as net
from rows import ENGINES

from inference import CD, UpDown, fit
from inference.engines import load_engine
from inference.objectives import contrastive
from ppl_models import create

VALUES = net.parameters(seed=2, size=1.5)
DATA = net.X[np.random.default_rng(3).integers(0, 16, 10)]
COPIES, REPEATS, LIMIT = 250, 40, 6.0  # z of 44 means by 40 repeats: t with 39 degrees, 1e-5 in all
each_engine = pytest.mark.parametrize("engine", ENGINES)


def gradients(engine: str, objective: Any, **owned: Any) -> dict[str, Any]:
    """Gradients of what is climbed, per datum, (repeats, ...), under torch's names."""
    rows = np.repeat(DATA, COPIES, 0).astype(np.float32)
    pair: Any = create("dbn", engine=engine, **net.SETTINGS)
    pair.set_weights(net.as_arrays(VALUES))
    found, _ = load_engine(engine).gradients(pair, objective, (rows,), REPEATS, values=owned)
    return {name: -np.asarray(each) / len(rows) for name, each in found.items() if name in VALUES}


def far(found: dict[str, Any], expected: dict[str, Any], side: str = "") -> float:
    """The largest distance of a mean from what is expected, in standard errors."""
    worst = 0.0
    for name, each in found.items():
        if name.startswith(side):
            error = each.std(0, ddof=1) / np.sqrt(len(each)) + 1e-6
            worst = max(worst, float((abs(each.mean(0) - expected[name]) / error).max()))
    return worst


@each_engine
@pytest.mark.parametrize("steps", [1, 3])
def test_the_mean_gradient_is_that_of_the_three_phases(engine: str, steps: int) -> None:
    found = gradients(engine, UpDown(steps))
    assert set(found) == set(VALUES)
    assert far(found, net.up_down(VALUES, DATA, steps)) < LIMIT
    others = net.up_down(VALUES, DATA, 4 - steps)
    assert far(found, others, "top") > LIMIT  # another number of steps is seen
    assert far(found, others, "encoder") > LIMIT


@each_engine
def test_divergence_alone_leaves_the_guide(engine: str) -> None:
    """CD through the guide has the model's gradient of the up-down algorithm, and none of q's."""
    found, expected = gradients(engine, CD(1)), net.up_down(VALUES, DATA, 1)
    assert far(found, expected, "top") < LIMIT
    assert far(found, expected, "decoder") < LIMIT
    assert all((each == 0).all() for name, each in found.items() if name.startswith("encoder"))


@each_engine
def test_chains_in_equilibrium_put_the_model_s_own_draws_to_sleep(engine: str) -> None:
    """Persistent chains that are draws of the model teach the guide what wake-sleep does."""
    random, law = np.random.default_rng(0), np.exp(net.log_top(VALUES))
    drawn = net.Y[random.choice(8, 3000, p=law)]
    begun = {"state.chain.h1": drawn, "state.chain.x": np.zeros((3000, 4))}
    found = gradients(engine, UpDown(1, chains=3000), **begun)
    counts = np.bincount((drawn @ 2 ** np.arange(3)[::-1]).astype(int), minlength=8) / 3000
    after = counts @ net.step(VALUES)
    dreamt = (after[:, None] * np.exp(net.log_below(VALUES))).T
    logits = net.X @ VALUES["encoder.0.weight"].T + VALUES["encoder.0.bias"]
    missed = dreamt @ net.Y - dreamt.sum(1)[:, None] / (1 + np.exp(-logits))
    expected = {"encoder.0.weight": missed.T @ net.X, "encoder.0.bias": missed.sum(0)}
    assert far(found, expected, "encoder") < LIMIT


def _asleep(self: Any, program: Any, draws: Any, ends: Any) -> Any:
    """Planted: the guide sleeps where the data's codes are, not where chains have gone."""
    top = {"h1": ends["h1"]}
    return contrastive.CD.contrast(self, program, draws, top) + draws.log_q[0]


def test_a_sleep_that_only_repeats_the_data_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(UpDown, "contrast", _asleep)
    found = gradients("pyro", UpDown(1))
    assert far(found, net.up_down(VALUES, DATA, 1), "encoder") > 2 * LIMIT


@each_engine
@pytest.mark.parametrize("chains", [0, 7])
def test_a_stopped_run_goes_on_bit_for_bit(engine: str, chains: int, tmp_path: Path) -> None:
    def train(steps: int, **more: Any) -> Any:
        made = create("dbn", engine=engine, **net.SETTINGS)
        told = {"objective": UpDown(1, chains=chains), "batch_size": 4, "progress": False}
        return fit(made, DATA.astype(np.float32), steps=steps, **told, **more)

    whole = train(9)
    train(4, out=tmp_path / "run")
    resumed = train(9, out=tmp_path / "run", resume=True)
    for name, value in whole.parameters.items():
        np.testing.assert_array_equal(resumed.parameters[name], value)


def test_the_sum_of_chances_reports_the_run() -> None:
    made = create("dbn", engine="pyro", **net.SETTINGS)
    rows = DATA.astype(np.float32)
    run = fit(made, rows, objective=UpDown(), steps=2, valid=rows, progress=False)
    assert run.unit == "nats of pseudo-likelihood per datum"
    assert np.isfinite(run.rows[-1]["valid_bound"])
