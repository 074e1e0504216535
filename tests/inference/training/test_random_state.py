"""Networks on NumPyro that hold a random stream in their state: dropout in flax NNX.

Each step has masks of its own, evaluation has none, and the stream is kept with the run.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from flax import nnx
from numpyro.contrib.module import nnx_module
from tiny_runs import WIDTH, assert_same_run, binary, quick

from inference import ELBO, RWS, Objective, WakeSleep, load_run
from inference.engines.numpyro.gradients import gradients

STEPS = 8


class Layers(nnx.Module):
    """Units that are dropped, between two linear layers."""

    def __init__(self, inputs: int, outputs: int) -> None:
        rngs = nnx.Rngs(inputs)
        self.first = nnx.Linear(inputs, 4, rngs=rngs)
        self.drop = nnx.Dropout(0.5, rngs=rngs)
        self.last = nnx.Linear(4, outputs, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return self.last(self.drop(self.first(x)))


ENCODER, DECODER = Layers(WIDTH, 2), Layers(2, WIDTH)


def encode(x: Any) -> Any:  # a network that only a function of the module names
    return nnx_module("encoder", ENCODER)(x)


def decode(z: Any) -> Any:
    return nnx_module("decoder", DECODER)(z)


def model(x: Any) -> None:
    with numpyro.plate("data", len(x)):
        z = numpyro.sample("z", dist.Normal(jnp.zeros(2), 1.0).to_event(1))
        numpyro.sample("x", dist.Bernoulli(logits=decode(z)).to_event(1), obs=x)


def guide(x: Any) -> None:
    mean = encode(x)
    with numpyro.plate("data", len(x)):
        numpyro.sample("z", dist.Normal(mean, 1.0).to_event(1))


PAIR = model, guide


def mean_without_dropout(run: Any, x: Any) -> Any:
    own = run.pair.values["encoder$params"]
    hidden = x @ own["first"]["kernel"] + own["first"]["bias"]
    return hidden @ own["last"]["kernel"] + own["last"]["bias"]


@pytest.mark.parametrize("objective", [ELBO(), WakeSleep(), RWS(2, guide_phase="sleep")], ids=repr)
def test_each_step_moves_the_stream_on(objective: Objective) -> None:
    run = quick(PAIR, binary(), steps=STEPS, objective=objective)
    for name in ("encoder", "decoder"):
        count = int(run.pair.values[f"{name}$state"]["state"]["drop"]["rngs"]["count"])
        assert count >= STEPS


def test_evaluation_drops_nothing() -> None:
    x = binary()
    run = quick(PAIR, x, steps=STEPS)
    np.testing.assert_allclose(run.latents(x)["z"], mean_without_dropout(run, x), atol=1e-5)


def test_a_stopped_run_goes_on_with_the_masks_it_would_have_had(
    tmp_path: Path, reports: Any, ctrl_c: Any
) -> None:
    whole = quick(PAIR, binary(), steps=STEPS)
    ctrl_c(4)
    quick(PAIR, binary(), steps=STEPS, out=tmp_path / "run")
    resumed = quick(PAIR, binary(), steps=STEPS, out=tmp_path / "run", resume=True)
    assert_same_run(whole, resumed)


def test_a_run_is_read_and_pickled(tmp_path: Path) -> None:
    x = binary()
    run = quick(PAIR, x, steps=STEPS, out=tmp_path / "run")
    others = (
        load_run(tmp_path / "run", pair=PAIR),
        load_run(tmp_path / "run", pair=PAIR, batch=(x[:3],)),
        pickle.loads(pickle.dumps(run)),
    )
    for other in others:
        np.testing.assert_array_equal(other.latents(x)["z"], run.latents(x)["z"])


def test_gradients_from_one_state_have_masks_of_their_own() -> None:
    """An encoder's unit that is dropped has no gradient in that row; not always the same ones."""
    found, _ = gradients(PAIR, ELBO(), (binary(1),), 40)
    dropped = (found["encoder.last.kernel"] == 0).all(-1)  # (40, 4)
    assert 0 < dropped.mean() < 1
    assert dropped.any(0).all()
    assert not dropped.all(0).any()
