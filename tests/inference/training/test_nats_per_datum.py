"""A history's losses and bounds are in nats per datum, whatever was scored at a time."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from tiny_runs import assert_same_rows

from inference import fit
from inference.training.state import State

ROWS, VALID = 24, 14
X = (np.random.default_rng(0).normal(size=ROWS) + 1.0).astype(np.float32)
V = X[:VALID] + 0.5
COST = 4.5  # KL(Normal(3, 1) || Normal(0, 1))
STILL = 1e-12  # a step that moves nothing


def pair(engine: str, *, subsampled: bool, shared: bool) -> tuple[Any, Any]:
    """x ~ Normal(loc, 1), and beside the plate a latent that the data do not depend on."""
    if engine == "pyro":
        import torch

        zero: Any = torch.tensor(0.0)
    else:
        import jax.numpy as jnp

        zero = jnp.zeros(())
    ppl: Any = importlib.import_module(engine)
    dist = importlib.import_module(f"{engine}.distributions")

    def model(x):
        loc = ppl.param("loc", zero)
        if shared:
            ppl.sample("w", dist.Normal(zero, 1.0))
        sizes = (ROWS, len(x)) if subsampled else (len(x),)
        with ppl.plate("data", *sizes):
            ppl.sample("x", dist.Normal(loc, 1.0), obs=x)

    def guide(x):
        if shared:
            ppl.sample("w", dist.Normal(ppl.param("m", zero + 3.0), 1.0))

    return model, guide


def log_p(x: np.ndarray) -> float:
    return float(np.mean(-0.5 * x.astype(float) ** 2 - 0.5 * np.log(2 * np.pi)))


def still(pair: Any, data: Any, **arguments: Any) -> Any:
    return fit(pair, data, learning_rate=STILL, progress=False, objective="elbo", **arguments)


@pytest.mark.parametrize("shared", [False, True], ids=["local", "shared"])
@pytest.mark.parametrize("subsampled", [False, True], ids=["rows", "subsample"])
def test_a_bound_does_not_depend_on_how_many_rows_are_scored(
    subsampled, shared, engine, monkeypatch
):
    # A shared latent costs its divergence once for the data that the plate knows of.
    right = log_p(V) - COST * shared / (ROWS if subsampled else VALID)
    program = pair(engine, subsampled=subsampled, shared=shared)
    parts = [(2000, 6), (5, 6), (7, ROWS)]  # the last part of 14 rows is smaller
    if shared and not subsampled:  # a minibatch that passes for all data is refused there
        parts = [(at_once, ROWS) for at_once, _ in parts]
    for at_once, batch in parts:
        monkeypatch.setattr(
            importlib.import_module("inference.training.fit"), "_ROWS_PER_VALIDATION", at_once
        )
        run = still(program, X, valid=V, batch_size=batch, steps=1, patience=3)
        assert run.rows[-1]["valid_bound"] == pytest.approx(right, rel=1e-5)


def test_a_judges_bound_and_an_upstream_loss_too(engine, monkeypatch):
    monkeypatch.setattr(
        importlib.import_module("inference.training.fit"), "_ROWS_PER_VALIDATION", 5
    )
    upstream = importlib.import_module(f"{engine}.infer").Trace_ELBO()
    program = pair(engine, subsampled=True, shared=False)
    for arguments in ({"objective": upstream}, {"valid_objective": "elbo"}):
        keywords: Any = {"objective": "elbo"} | arguments
        run = fit(
            program, X, learning_rate=STILL, progress=False, valid=V, batch_size=6, steps=1,
            **keywords,
        )  # fmt: skip
        assert run.rows[-1]["valid_bound"] == pytest.approx(log_p(V), rel=1e-5)


@pytest.mark.parametrize("subsampled", [False, True], ids=["rows", "subsample"])
def test_batches_of_unequal_sizes_weigh_data(subsampled, engine):
    x = X.copy()
    x[-1] = 30.0  # a row that would count for a whole batch
    batches = [x[:16], x[16:23], x[23:]]
    run = still(pair(engine, subsampled=subsampled, shared=False), batches, epochs=1)
    assert run.rows[-1]["loss"] == pytest.approx(-log_p(x), rel=1e-5)


def test_an_array_that_the_batch_size_does_not_divide(engine):
    run = still(pair(engine, subsampled=True, shared=False), X * 0 + 2, batch_size=7, epochs=2)
    assert run.rows[-1]["loss"] == pytest.approx(-log_p(X * 0 + 2), rel=1e-5)


def test_a_resumed_window_goes_on(engine, tmp_path, ctrl_c, monkeypatch):
    monkeypatch.setattr("inference.training.loop._Pace.chunk", lambda self: 1)
    batches = [X[:16], X[16:23], X[23:]]
    program = pair(engine, subsampled=True, shared=False)
    whole = still(program, batches, epochs=2)
    ctrl_c(2)
    still(program, batches, epochs=2, out=tmp_path / "run")
    resumed = still(program, batches, epochs=2, out=tmp_path / "run", resume=True)
    assert_same_rows(whole.rows, resumed.rows)


def test_a_window_of_an_older_checkpoint_is_read(engine, tmp_path, ctrl_c, monkeypatch):
    monkeypatch.setattr("inference.training.loop._Pace.chunk", lambda self: 1)
    program, batches = pair(engine, subsampled=False, shared=False), [X[:8], X[8:16], X[16:]]
    whole = still(program, batches, epochs=1)
    ctrl_c(2)
    still(program, batches, epochs=1, out=tmp_path / "run")
    read = State.from_dict

    def older(plain):
        total, _, count = plain["window"]
        return read({**plain, "window": [total / 8, count]})

    monkeypatch.setattr(State, "from_dict", older)
    resumed = still(program, batches, epochs=1, out=tmp_path / "run", resume=True)
    assert resumed.rows[-1]["loss"] == pytest.approx(whole.rows[-1]["loss"], rel=1e-6)
