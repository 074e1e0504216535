"""Rows with entries held, against the conditional law by a sum over all states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rows import ENGINES, ROWS
from scipy.stats import chi2
from sequential_laws import moved, put, states

from inference import complete, fit, log_likelihood
from inference.errors import ArgumentError, ObjectiveError
from inference.figures import drawing_steps
from ppl_models import create

DIM, COUNT, RATE = 5, 3000, 1e-5
both = pytest.mark.parametrize("engine", ENGINES)


def distance(rows: Any, log_p: Any, held: dict[int, int]) -> tuple[float, float]:
    """Pearson's chi-squared of rows against p(row | held), and the limit of its rate."""
    every = states(DIM)
    fits = np.all([every[:, place] == value for place, value in held.items()], axis=0)
    expected = np.exp(log_p.astype(float)) * fits
    expected = len(rows) * expected / expected.sum()
    codes = (rows @ 2 ** np.arange(DIM)[::-1]).astype(int)
    found = np.bincount(codes, minlength=len(expected))
    assert (found[~fits] == 0).all()
    kept = expected >= 5
    a, b = (np.append(v[kept], v[fits & ~kept].sum()) for v in (found, expected))
    b = np.maximum(b, 1e-9)
    return float(((a - b) ** 2 / b).sum()), float(chi2.isf(RATE, len(b) - 1))


@both
@pytest.mark.parametrize("model", ["made", "fully_visible"])
def test_missing_entries_follow_their_law_given_the_observed(engine: str, model: str) -> None:
    """3,000 rows, false-failure rate 1e-5; a single draw of each, which sees no later entry, fails.

    Of 200 draws one is taken, whose law is off by a few parts in 200: less than the test resolves.
    """
    every = states(DIM)
    if model == "made":
        pair = moved(engine, "made", (every[:2],), data_dim=DIM, hidden=(9,), orders=2)
    else:
        pair, weight = create(model, engine=engine, data_dim=DIM), np.zeros((DIM, DIM))
        weight[4, 0], weight[3, 1] = 2.5, -2.5
        put(pair, weight, np.zeros(DIM))
    log_p = log_likelihood(pair, every, 1).per_datum
    x, held = np.zeros((COUNT, DIM), np.float32), {3: 1, 4: 0}
    x[:, 3] = 1
    observed = np.isin(np.arange(DIM), list(held))
    drawn = complete(pair, x, observed=observed, num_particles=200, seed=1)
    found, limit = distance(drawn, log_p, held)
    assert found < limit
    with pytest.warns(UserWarning, match=r"not given those after: pass num_particles="):
        once = complete(pair, x, observed=observed, seed=1)
    if model == "fully_visible":
        assert distance(once, log_p, held)[0] > limit
        x[:, 0], first = 1, np.arange(DIM) < 2  # these come first: one draw is enough
        found, limit = distance(complete(pair, x, observed=first), log_p, {0: 1, 1: 0})
        assert found < limit


@both
def test_a_low_temperature_draws_what_is_likelier(engine: str) -> None:
    every = states(DIM)
    pair = moved(engine, "nade", (every[:2],), data_dim=DIM, hidden_dim=4)
    x, none = np.zeros((500, DIM), np.float32), np.zeros(DIM, bool)
    drawn = [complete(pair, x, observed=none, temperature=t) for t in (1e-4, 1.0)]
    assert len(np.unique(drawn[0], axis=0)) == 1
    assert len(np.unique(drawn[1], axis=0)) > 5


@both
def test_sequences_go_on_from_their_beginning(engine: str) -> None:
    row = ROWS["recurrent"]
    pair = create("recurrent", engine=engine, **row.hyperparameters)
    run, (x, lengths) = fit(pair, row.batch(8), steps=1, progress=False), row.batch(5)
    observed = np.zeros(x.shape, bool)
    observed[:, :2] = True
    drawn = complete(run, (x, lengths), observed=observed)
    np.testing.assert_array_equal(drawn[:, :2], x[:, :2])
    assert set(np.unique(drawn)) <= {0, 1}


@both
def test_what_cannot_be_completed_is_named(engine: str) -> None:
    pair, (x,) = create("vae", engine=engine, **ROWS["vae"].hyperparameters), ROWS["vae"].batch(3)
    run = fit(pair, x, steps=1, progress=False)
    with pytest.raises(ObjectiveError, match="latent 'z'"):
        complete(run, x, observed=np.ones(x.shape, bool))
    pair = moved(engine, "nade", (states(DIM)[:2],), data_dim=DIM, hidden_dim=4)
    with pytest.raises(ArgumentError, match="observed must be True or False"):
        complete(pair, states(DIM), observed=np.ones(3, bool))
    with pytest.raises(ArgumentError, match="temperature"):
        complete(pair, states(DIM), observed=np.ones(DIM, bool), temperature=0.0)


def test_pictures_of_what_is_drawn_so_far() -> None:
    x = np.zeros((8, 4), np.float32)
    run = fit(create("nade", data_dim=4, hidden_dim=3), x, steps=1, progress=False)
    figure = drawing_steps(run, rows=2, steps=5)
    grid = np.asarray(figure.axes[0].images[0].get_array())
    assert (np.abs(grid - 0.5) < 1e-6).any()
    held = drawing_steps(run, x[:3], observed=np.array([True] * 4), steps=2)
    assert not (np.abs(np.asarray(held.axes[0].images[0].get_array()) - 0.5) < 1e-6).all()
