"""Data that a program fills in itself, and data with more dimensions than their law."""

from __future__ import annotations

import importlib
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import pyro
import pytest
import torch
from numpyro import distributions as ndist
from numpyro.infer.autoguide import AutoNormal as NumPyroNormal
from plated import Words
from pyro import distributions as pdist
from pyro.infer.autoguide import AutoNormal as PyroNormal

from inference import check_pair, fit
from inference.engines import ENGINES, engine_name
from inference.objectives import ELBO, RLOO, Objective

X = np.random.default_rng(0).normal(size=12).astype(np.float32)
GAPS = np.where(np.arange(12) % 4 == 0, np.nan, X).astype(np.float32)


def by_numpyro(x: Any) -> None:
    """The missing values are latents, in place of which the program writes its draws."""
    m = numpyro.sample("m", ndist.Normal(0.0, 1.0))
    missing = numpyro.sample("missing", ndist.Normal(m, 1.0).expand([3]).mask(False))
    numpyro.sample("x", ndist.Normal(m, 1.0), obs=jnp.asarray(x).at[::4].set(missing))


def by_pyro(x: Any) -> None:
    """Likewise."""
    m = pyro.sample("m", pdist.Normal(0.0, 1.0))
    law: Any = pdist.Normal(m, 1.0).expand([3])
    missing = pyro.sample("missing", law.mask(False).to_event(1))
    pyro.sample(
        "x", pdist.Normal(m, 1.0), obs=torch.index_put(x, (torch.arange(0, 12, 4),), missing)
    )


@pytest.fixture(params=["numpyro", "pyro"])
def pair(request: pytest.FixtureRequest) -> Any:
    if request.param == "pyro":
        pyro.clear_param_store()
        return by_pyro, PyroNormal(by_pyro)
    return by_numpyro, NumPyroNormal(by_numpyro)


@pytest.mark.parametrize("objective", [ELBO(analytic_kl=False), RLOO(2)], ids=repr)
def test_data_may_have_more_dimensions_than_their_law(pair: Any, objective: Objective) -> None:
    """`sample("x", Normal(m, 1), obs=x)` without a plate, as the tutorials write it."""
    run = fit(pair, GAPS, objective=objective, steps=2, progress=False)
    assert np.isfinite(run.history.loss).all()
    if isinstance(objective, ELBO):
        loss: Any = importlib.import_module(f"{engine_name(pair)}.infer").Trace_ELBO()
        pyro.clear_param_store()
        theirs = fit(pair, GAPS, objective=loss, steps=2, progress=False)
        np.testing.assert_allclose(run.history.loss, theirs.history.loss, rtol=1e-2)


def test_what_the_program_fills_in_is_no_mistake_of_the_data(pair: Any) -> None:
    assert not check_pair(pair, GAPS, checks=["batch"]).failed
    found = check_pair(pair, np.where(np.isnan(GAPS), np.inf, X), checks=["batch"])
    assert [each.check for each in found.failed] == ["batch"]
    found = check_pair(pair, np.roll(GAPS, 1), checks=["batch"])  # not where it fills in
    assert "NaN or infinite in row" in str(found)


def test_a_step_that_leaves_a_support_is_no_missing_gradient() -> None:
    """A held Cholesky factor is none of a triangle that has moved by a finite difference."""

    def model(x: Any) -> None:
        factor = numpyro.sample("factor", ndist.LKJCholesky(2, 2.0))
        with numpyro.plate("data", len(x)):
            law = ndist.MultivariateNormal(jnp.zeros(2), scale_tril=factor)
            numpyro.sample("x", law, obs=x)

    x = np.random.default_rng(1).normal(size=(9, 2)).astype(np.float32)
    report = check_pair((model, NumPyroNormal(model)), x, checks=["gradient-of-log-q"])
    assert not report.failed


@pytest.mark.parametrize("masked", ["each", "rows", "", "after the fact"])
@pytest.mark.parametrize("engine", ENGINES)
def test_gaps_that_a_mask_leaves_out_need_no_support(masked: str, engine: str) -> None:
    """As in NumPyro's example of many series, of which some end before the others."""
    words = Words(engine)
    given = np.exp(X[:4, None] * np.ones(3)).astype(np.float32)
    given[1:3] = np.nan

    def model(x: Any) -> None:
        counts = words.array(~np.isnan(given))
        z = words.sample("z", words.dist.Normal(0.0, 1.0))
        law = words.dist.LogNormal(z + words.array(np.zeros((4, 3))), 1.0)
        with words.plate("data", 4):
            if masked == "each":
                law = law.mask(counts).to_event(1)
            else:
                law = law.to_event(1)
                law = law.mask(counts[:, 0]) if masked == "rows" else law
            words.sample("x", law, obs=x)

    def guide(x: Any) -> None:
        mean = words.library.param("mean", words.array(np.float32(0)))
        words.sample("z", words.dist.Normal(mean, 1.0))

    if masked == "after the fact":
        given = np.where(np.isnan(given), -1, given)
    report = check_pair((model, guide), given, checks=["data-in-support"])
    blamed = [each.check for each in report.failed]
    assert ("data-in-support" in blamed or "batch" in blamed) == (masked not in ("each", "rows"))
