"""Learning for all orders at once: its mean by enumeration, its optimum, and what it refuses."""

from __future__ import annotations

import itertools
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx
from numpy.typing import NDArray
from rows import ENGINES, ROWS
from scipy.special import expit
from sequential_laws import called, law, moved, states
from torch import nn

from inference import OrderAgnostic, fit, log_likelihood, valid_objectives
from inference.engines import load_engine
from inference.errors import ObjectiveError
from ppl_models import create

DIM = 3
X = states(DIM)
ORDERS = list(itertools.permutations(range(DIM)))
both = pytest.mark.parametrize("engine", ENGINES)
Array = NDArray[Any]


def built(engine: str, **settings: Any) -> Any:
    return moved(engine, "nade", (X,), data_dim=DIM, hidden_dim=4, marks=True, **settings)


def means_given(pair: Any, x: Array, before: list[int]) -> Array:
    """The probability that each entry is 1, given those at some places alone."""
    own = {
        n.removeprefix("network."): v for n, v in load_engine(pair.engine).parameters(pair).items()
    }
    seen = own["hidden_bias"] + x[:, before].astype(float) @ own["encoder"][before]
    seen = seen + own["marks"][before].sum(0)
    return expit(own["bias"] + expit(seen) @ own["decoder"].T)


def log_p_given(pair: Any, x: Array, before: list[int]) -> Array:
    p = means_given(pair, x, before)
    return np.log(np.where(x > 0.5, p, 1 - p))


@both
def test_its_mean_and_gradient_are_those_over_all_orders(engine: str) -> None:
    """Against sums over the 3! orders: of log p, and of its slope by the bias of each entry.

    200 draws of order and place for each of 320 rows; within 5 standard errors (rate 6e-7). Without
    the weight D / (D - d + 1), or with one that is off by one, it is wrong by more than 10 errors.
    """
    pair, times = built(engine), 40
    steps = [(order, d) for order in ORDERS for d in range(DIM)]
    before = [list(order[:d]) for order, d in steps]
    place = [order[d] for order, d in steps]
    scored = [log_p_given(pair, X, given) for given in before]
    exact = sum(each[:, i].sum() for each, i in zip(scored, place, strict=True)) / len(ORDERS)
    left = [each[:, list(order[d:])].sum() for each, (order, d) in zip(scored, steps, strict=True)]
    share = np.array([1 / (DIM - d) for _, d in steps])
    assert exact == pytest.approx(DIM * np.mean(share * left))
    wrong = np.mean(left), DIM * np.mean(left / (1 + 1 / share))

    batch = np.repeat(X, times, axis=0)
    fresh: Any = create("nade", engine=engine, data_dim=DIM, hidden_dim=4, marks=True)
    for name, value in load_engine(engine).parameters(pair).items():
        placed = (
            nn.Parameter(torch.tensor(value)) if engine == "pyro" else nnx.Param(jnp.asarray(value))
        )
        setattr(fresh.network, name.removeprefix("network."), placed)
    gradients, losses = load_engine(engine).gradients(fresh, OrderAgnostic(), (batch,), 200)
    error = losses.std(ddof=1) / np.sqrt(len(losses))
    assert abs(-losses.mean() - times * exact) < 5 * error
    for other in wrong:
        assert abs(times * (other - exact)) > 10 * error

    slope = np.zeros(DIM)
    for given, i in zip(before, place, strict=True):
        slope[i] += (means_given(pair, X, given) - X)[:, i].sum() / len(ORDERS)
    found = next(v for n, v in gradients.items() if "hidden" not in n and "bias" in n)
    error = found.std(0, ddof=1) / np.sqrt(len(found))
    assert (abs(found.mean(0) - times * slope) < 5 * error).all()
    assert (abs(times * slope) > 10 * error).any()


@both
def test_every_order_has_the_same_law_given_the_same_entries(engine: str) -> None:
    """What the objective learns is what each order draws from."""
    found = law(built(engine, orders=4), (X,))
    assert len({tuple(np.asarray(part.ranks)) for part in found.components}) > 1
    for part in found.components:
        ranks = np.asarray(part.ranks)
        means = called(engine, lambda v, p=part: p.conditionals(v).mean, X)
        for i in range(DIM):
            held = np.broadcast_to(ranks < ranks[i], X.shape).copy()
            given = called(engine, lambda v, h: found.conditionals_given(v, h).mean, X, held)
            np.testing.assert_allclose(means[:, i], given[:, i], rtol=1e-5)


@both
def test_one_fit_learns_all_orders(engine: str) -> None:
    """Two entries that depend on each other, in either order.

    Each step draws order and place for 4,000 rows; the joint law is within 0.05 nats. Without marks
    an entry that has not been seen is taken for a zero, so that it is not.
    """
    counts = np.array([40, 10, 15, 35])
    x = np.repeat(states(2), counts * 40, axis=0)
    settings: dict[str, Any] = {"batch_size": len(x), "learning_rate": 0.1, "schedule": "cosine"}
    exact = np.log(counts / counts.sum())
    for marks in (True, False):
        pair = create("nade", engine=engine, data_dim=2, hidden_dim=6, marks=marks)
        run = fit(pair, x, objective=OrderAgnostic(), steps=150, progress=False, **settings)
        assert run.unit == "nats per datum, mean over orders"
        first = log_likelihood(run.pair, states(2), 1).per_datum
        if not marks:
            assert abs(first - exact).max() > 0.5
            continue
        np.testing.assert_allclose(first, exact, atol=0.05)
        apart, given = (log_p_given(run.pair, states(2), before) for before in ([], [1]))
        np.testing.assert_allclose(apart[:, 1] + given[:, 0], exact, atol=0.05)


@both
def test_it_is_for_laws_that_hold_in_any_order(engine: str) -> None:
    fits = {"nade": True, "nade-random": True, "made": False, "recurrent": False, "vae": False}
    for row, valid in fits.items():
        each = ROWS[row]
        pair = create(each.model, engine=engine, **each.hyperparameters)
        found = valid_objectives(pair, *each.batch(4))
        assert ("OrderAgnostic" in found.valid) is valid, row
        if row in ("made", "recurrent"):
            assert "'x' observes the data" in found.refused["OrderAgnostic"]
            assert "conditionals_given(inputs, held)" in found.refused["OrderAgnostic"]
        if row == "vae":
            assert "latent 'z'" in found.refused["OrderAgnostic"]
    made = create("made", engine=engine, data_dim=DIM, hidden=(4,))
    with pytest.raises(ObjectiveError, match="all orders of the entries at once"):
        fit(made, X, objective="orderagnostic", steps=1, progress=False)
