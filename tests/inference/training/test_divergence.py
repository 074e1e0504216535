"""A run whose numbers stop being finite ends with an error that keeps the last good state."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from tiny_runs import (
    assert_same_parameters,
    assert_same_run,
    bare,
    binary,
    loaded,
    quick,
    vae,
)

from inference import load_run, log_likelihood
from inference.errors import DivergenceError


def plain_descent(engine: str, rate: float) -> Any:
    if engine == "pyro":
        import functools

        import torch

        return functools.partial(torch.optim.SGD, lr=rate)
    import optax

    return optax.sgd(rate)


def test_a_huge_learning_rate(engine, tmp_path, reports):
    arguments: dict[str, Any] = {"valid": binary(5, seed=2), "out": tmp_path / "run"}
    with pytest.raises(DivergenceError) as caught:
        quick(bare(engine), binary(), steps=300, learning_rate=1e6, **arguments)
    run = caught.value.run
    assert run is not None
    assert run.status == "diverged"
    message = str(caught.value)
    assert f"the checkpoint of step {run.step} is kept in {tmp_path / 'run'}" in message
    assert "Lower learning_rate=, set clip_norm=" in message
    assert all(np.isfinite(array).all() for array in run.parameters.values())
    assert len(run.rows) == run.step // 6
    kept = loaded(engine, tmp_path / "run")
    assert kept.step == run.step
    assert_same_parameters(kept.parameters, run.parameters)
    history = (tmp_path / "run" / "history.csv").read_text().splitlines()
    assert len(history) == 1 + len(run.rows)


def test_the_run_of_the_error_has_the_last_good_parameters(engine, reports):
    """The pair works with the very parameters that the run lists, although the fit failed."""
    good = quick(bare(engine), binary(), steps=6)
    bad = [binary(4, seed=s) for s in range(6)] + [1e30 * binary(4)]
    with pytest.raises(DivergenceError) as caught:
        quick(bare(engine), bad, epochs=1)
    run = caught.value.run
    assert run is not None
    assert run.step == 0  # the first report would have been at the end of the epoch
    before = quick(bare(engine), bad[:6], steps=1)
    assert list(run.parameters) == list(before.parameters)
    one = log_likelihood(run.pair, binary(), num_particles=3)
    again = log_likelihood(run.pair, binary(), num_particles=3)
    assert np.array_equal(one.per_datum, again.per_datum)
    trained = log_likelihood(good.pair, binary(), num_particles=3)
    assert not np.array_equal(one.per_datum, trained.per_datum)
    assert quick(run.pair, binary(), steps=2).status == "finished"


def test_the_step_of_the_loss_is_named(engine, reports):
    batches = [binary(4, seed=s) for s in range(6)] + [1e30 * binary(4)]
    with pytest.raises(DivergenceError, match=r"the loss became (inf|nan) at step 7; the state at"):
        quick(bare(engine), batches, epochs=1)


def test_parameters_that_overflow_after_a_finite_loss(engine, tmp_path):
    """The last step's loss is finite, what it makes of the parameters is not."""
    with pytest.raises(DivergenceError, match="became NaN or infinite at step 1") as caught:
        quick(
            vae(engine),
            binary(),
            steps=1,
            optimizer=plain_descent(engine, 3e38),
            out=tmp_path / "run",
        )
    kept = load_run(tmp_path / "run")
    assert kept.step == 0
    assert all(np.isfinite(array).all() for array in kept.parameters.values())
    assert caught.value.run is not None
    assert list(kept.history.columns) == ["step", "epoch", "loss", "seconds"]
    assert_same_parameters(kept.parameters, caught.value.run.parameters)


def test_resuming_after_divergence_goes_on_from_the_good_state(engine, tmp_path, reports):
    """A batch that was broken is replaced; the run ends as if it had never been broken."""
    good = binary(4, seed=9)

    class Stream:
        def __init__(self, last):
            self.last = last

        def __iter__(self):
            yield from [*(binary(4, seed=s) for s in range(7)), self.last]

    with pytest.raises(DivergenceError):
        quick(bare(engine), Stream(1e30 * good), epochs=1, out=tmp_path / "run")
    resumed = quick(bare(engine), Stream(good), epochs=1, out=tmp_path / "run", resume=True)
    assert_same_run(quick(bare(engine), Stream(good), epochs=1), resumed)


def broken(engine: str, kind: str) -> Any:
    """A pair that makes a number of no value at one place, at once or after some steps."""
    ppl: Any = importlib.import_module(engine)
    dist: Any = importlib.import_module(f"{engine}.distributions")
    arrays: Any = importlib.import_module("torch" if engine == "pyro" else "jax.numpy")
    full = arrays.tensor if engine == "pyro" else arrays.asarray

    def model(x):
        mean, spread = ppl.param("mean", full(0.0)), ppl.param("spread", full(1.0))
        with ppl.plate("data", len(x)):
            z = ppl.sample("z", dist.Normal(mean, 1.0))
            loc, scale = z, arrays.exp(0 * spread)
            if kind == "x":
                loc = arrays.log(z - 100.0)
            if kind == "x, its scale":
                scale = 0.9995 - spread
            ppl.sample("x", dist.Normal(loc, scale, validate_args=False), obs=x[:, 0])

    def guide(x):
        a, b = ppl.param("a", full(0.0)), ppl.param("b", full(0.0))
        scale = arrays.log(b - 1) if kind == "z" else arrays.exp(b)
        with ppl.plate("data", len(x)):
            ppl.sample("z", dist.Normal(a, scale, validate_args=False))

    return model, guide


@pytest.mark.parametrize("batches", [False, True], ids=["array", "batches"])
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("x", r"In the model, site 'x' \(test_divergence.py:\d+\) is the first: its loc is NaN"),
        ("x, its scale", r"In the model, site 'x' .* is the first: its scale is NaN, or not"),
        ("z", r"In the guide, site 'z' .* is the first: its scale is NaN"),
    ],
)
def test_the_site_is_named(kind, words, batches, engine, tmp_path):
    data = [binary(4, seed=s) for s in range(6)] if batches else binary()
    with pytest.raises(DivergenceError, match=words) as caught:
        quick(broken(engine, kind), data, steps=40, engine=engine, out=tmp_path / "run")
    assert caught.value.run.status == "diverged"
    assert '"diverged"' in (tmp_path / "run" / "status.json").read_text()
