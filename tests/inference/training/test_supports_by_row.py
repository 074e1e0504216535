"""Supports that come with the rows: totals, counts, limits; and values under a program's mask."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats
from tiny_runs import assert_same_parameters

from inference import fit, log_likelihood
from inference.errors import DataError

ROWS = 23  # a last batch that is smaller
RANDOM = np.random.default_rng(0)
TOTALS = RANDOM.integers(1, 30, ROWS)
COUNTS = RANDOM.binomial(TOTALS, 0.5)
LIMITS = RANDOM.uniform(1, 9, ROWS).astype(np.float32)
PLACES = (LIMITS * RANDOM.random(ROWS) * 0.99).astype(np.float32)
HALF = np.full(3, 1 / 3)
TALLIES = np.array([RANDOM.multinomial(n, HALF) for n in TOTALS])


def library(engine: str) -> SimpleNamespace:
    """What a program of either engine is written in."""
    if engine == "pyro":
        import pyro as ppl
        import torch as xp

        hidden: Callable[..., Any] = ppl.poutine.mask
    else:
        import jax.numpy as xp
        import numpyro as ppl

        hidden = ppl.handlers.mask
    isnan, where, zeros = xp.isnan, xp.where, xp.zeros
    dist = importlib.import_module(f"{engine}.distributions")
    return SimpleNamespace(
        ppl=ppl, dist=dist, xp=xp, hidden=hidden, isnan=isnan, where=where, zeros=zeros
    )


def program(engine: str, likelihood: Callable[..., Any]) -> tuple[Any, Any]:
    """A latent that the data do not depend on, so that log p(x) is the likelihood's."""
    w = library(engine)
    ppl = w.ppl

    def model(x, *given):
        with ppl.plate("data", len(x)):
            ppl.sample("z", w.dist.Normal(w.zeros(len(x)), 1.0))
            ppl.sample("x", likelihood(w, *given), obs=x)

    def guide(x, *given):
        loc = ppl.param("loc", w.zeros(()))
        with ppl.plate("data", len(x)):
            ppl.sample("z", w.dist.Normal(loc + w.zeros(len(x)), 1.0))

    return model, guide


CASES = {
    "binomial": (
        lambda w, n: w.dist.Binomial(n, w.zeros(len(n)) + 0.5),
        (COUNTS, TOTALS),
        stats.binom.logpmf(COUNTS, TOTALS, 0.5),
    ),
    "uniform": (
        lambda w, top: w.dist.Uniform(w.zeros(len(top)), top),
        (PLACES, LIMITS),
        -np.log(LIMITS),
    ),
    "multinomial": (
        lambda w, totals: w.dist.Multinomial(totals, w.zeros((len(totals), 3)) + 1 / 3),
        (TALLIES, TOTALS),
        stats.multinomial(TOTALS, HALF).logpmf(TALLIES),
    ),
}


@pytest.mark.parametrize("case", ["binomial", "uniform", "multinomial"])
def test_each_row_has_its_own_support(case, engine):
    if (case, engine) == ("multinomial", "pyro"):
        pytest.skip("torch's Multinomial takes one total")
    likelihood, data, right = CASES[case]
    pair = program(engine, likelihood)
    still: dict[str, Any] = {"epochs": 1, "learning_rate": 1e-12, "progress": False}
    run = fit(pair, data, batch_size=4, valid=data, **still)
    assert run.rows[-1]["valid_bound"] == pytest.approx(right.mean(), abs=1e-4)
    found = log_likelihood(run.pair, data, num_particles=1, chunk_size=5)
    np.testing.assert_allclose(found.per_datum, right, atol=1e-4)
    batches = [tuple(a[i : i + 9] for a in data) for i in range(0, ROWS, 9)]
    run = fit(pair, batches, **still)
    assert run.rows[-1]["loss"] == pytest.approx(-right.mean(), abs=1e-4)


@pytest.mark.parametrize("case", ["binomial", "uniform", "multinomial"])
def test_a_row_outside_of_its_own_support_is_named(case, engine):
    if (case, engine) == ("multinomial", "pyro"):
        pytest.skip("torch's Multinomial takes one total")
    likelihood, (x, given), _ = CASES[case]
    pair, wrong = program(engine, likelihood), x.copy()
    wrong[17] = given[17] + 1  # inside of other rows' supports
    for attempt in (
        lambda: fit(pair, (wrong, given), batch_size=4, steps=1, progress=False),
        lambda: fit(pair, (x, given), valid=(wrong, given), steps=1, progress=False),
        lambda: log_likelihood(pair, (wrong, given), num_particles=1),
    ):
        with pytest.raises(DataError, match=r"outside the support .*first in row 17"):
            attempt()
    batches = [(x[:9], given[:9]), (wrong[9:], given[9:])]
    with pytest.raises(DataError, match=r"a batch has values .*first in row 8"):
        fit(pair, batches, epochs=1, progress=False)


# ---------------------------------------------------------------- missing values

SEEN = RANDOM.random((ROWS, 2)) < 0.7
SEEN[0] = True
X = RANDOM.normal(size=(ROWS, 2)).astype(np.float32)
HOLES = np.where(SEEN, X, np.nan).astype(np.float32)


def masking(engine: str, how: str) -> tuple[Any, Any]:
    """x ~ Normal(loc + z, 1) with a mask of the program's own."""
    w = library(engine)
    ppl = w.ppl

    def model(x, seen=None):
        loc = ppl.param("loc", w.zeros(2))
        seen = ~w.isnan(x) if seen is None else seen
        with ppl.plate("data", len(x), dim=-2):
            z = ppl.sample("z", w.dist.Normal(w.zeros((len(x), 1)), 1.0))
            with ppl.plate("columns", 2, dim=-1):
                fn = w.dist.Normal(loc + z, 1.0)
                if how == "handler":
                    with w.hidden(mask=seen):
                        ppl.sample("x", fn, obs=x)
                elif how == "filled":
                    ppl.sample("x", fn.mask(seen), obs=w.where(seen, x, w.zeros(())))
                else:
                    ppl.sample("x", fn.mask(seen), obs=x)

    def guide(x, seen=None):
        slope = ppl.param("slope", w.zeros(2))
        known = w.where(w.isnan(x), w.zeros(()), x)
        with ppl.plate("data", len(x), dim=-2):
            ppl.sample("z", w.dist.Normal((known * slope).sum(-1)[:, None], 1.0))

    return model, guide


@pytest.mark.parametrize("how", ["distribution", "handler", "filled"])
def test_missing_values_under_the_programs_mask(how, engine):
    pair = masking(engine, how)
    arguments: dict[str, Any] = {"batch_size": 5, "epochs": 2, "progress": False}
    filled = np.where(SEEN, X, 0).astype(np.float32)
    right = fit(pair, (filled, SEEN), learning_rate=0.1, **arguments)
    for data in ((HOLES, SEEN), HOLES):
        run = fit(pair, data, learning_rate=0.1, valid=data, **arguments)
        assert_same_parameters(run.parameters, right.parameters)
    found = log_likelihood(right.pair, HOLES, num_particles=3).per_datum
    np.testing.assert_allclose(
        found, log_likelihood(right.pair, (filled, SEEN), num_particles=3).per_datum, rtol=1e-5
    )


@pytest.mark.parametrize("how", ["distribution", "handler"])
def test_missing_values_elsewhere_are_refused_by_row(how, engine):
    pair, short = masking(engine, how), SEEN.copy()
    short[11] = True
    holes = HOLES.copy()
    holes[11, 0] = np.nan
    for attempt in (
        lambda: fit(pair, (holes, short), steps=1, progress=False),
        lambda: fit(pair, [(holes, short)], steps=1, progress=False),
        lambda: log_likelihood(pair, (holes, short), num_particles=1),
    ):
        with pytest.raises(DataError, match=r"first in row 11; remove .*\.mask\(~isnan\(x\)\)"):
            attempt()


def test_a_guide_that_reads_missing_values_is_refused(engine):
    pair = masking(engine, "distribution")
    w = library(engine)

    def reads(x, seen=None):
        with w.ppl.plate("data", len(x), dim=-2):
            w.ppl.sample("z", w.dist.Normal(x.sum(-1)[:, None], 1.0))

    first = int(np.flatnonzero(np.isnan(HOLES).any(1))[0])
    with pytest.raises(DataError, match=f"first in row {first}; remove"):
        fit((pair[0], reads), HOLES, steps=1, progress=False)
