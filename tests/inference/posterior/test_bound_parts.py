"""Reconstruction and divergence against closed forms."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import linear_pairs as lp
import numpy as np
import pyro
import pyro.distributions as pdist
import pytest
import torch
from plated import Words
from rows import ENGINES, ROWS
from scipy.stats import multivariate_normal, norm

from inference import bound_parts, gap_decomposition, psis_k_hat
from inference.errors import ArgumentError
from ppl_models import create

X = lp.data(11)
OFF: Any = {"width": 0.7, "shift": 0.3}


@pytest.mark.parametrize(
    ("engine", "family"), [("pyro", "full"), ("pyro", "sites"), ("numpyro", "sites")]
)
def test_parts_are_the_closed_forms_and_add_up(engine: str, family: str) -> None:
    """K = 2,000 in chunks of 500: six standard errors of the mean, false failures below 1e-8."""
    parts = bound_parts(lp.pair(engine, family, **OFF), X, num_particles=2000, chunk_size=500)
    elbo = lp.evidence(X) - lp.divergence(family, **OFF)
    kl = lp.prior_divergence(X, family, **OFF)
    total = sum(part.per_datum for part in parts.kl.values())
    np.testing.assert_allclose(
        parts.elbo.per_datum, parts.reconstruction.per_datum - total, rtol=1e-12
    )
    for part, exact in ((parts.elbo, elbo), (parts.reconstruction, elbo + kl)):
        assert abs(part.mean - exact.mean()) < 6 * part.monte_carlo_error < 0.3
        np.testing.assert_array_less(
            np.abs(part.per_datum - exact), 6 * part.per_datum_error + 1e-5
        )
    if family == "sites":  # in closed form, without error
        assert parts.closed_form == {"a", "b"}
        np.testing.assert_allclose(total, kl, rtol=1e-5)
        mean, scale = X @ lp.TO_MEAN.T[:, 0] + 0.3, 0.7 * lp.BEST_DIAGONAL[0]
        one = 0.5 * (scale**2 + mean**2 - 1) - np.log(scale)
        np.testing.assert_allclose(parts.kl["a"].per_datum, one, rtol=1e-4)
        assert parts.kl["a"].monte_carlo_error < 1e-7
    else:
        error = parts.kl["z"].per_datum_error
        np.testing.assert_array_less(np.abs(total - kl), 6 * error + 1e-5)
        assert error.min() > 1e-4 or parts.closed_form == {"z"}


def test_every_chunk_and_set_has_draws_of_its_own() -> None:
    """One particle at a time for one datum at a time, four times the same datum."""
    same = np.repeat(X[:1], 4, axis=0)
    parts = bound_parts(lp.pair("pyro", **OFF), same, num_particles=2, chunk_size=1)
    assert len(np.unique(parts.elbo.per_datum)) == 4
    assert parts.elbo.per_datum_error.min() > 1e-4


hint: Any = {"training_only": True}


def steered(x: torch.Tensor) -> None:
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", pdist.Normal(torch.zeros(len(x)), 1.0))
        pyro.sample("x", pdist.Normal(z[..., None], 1.0).to_event(1), obs=x)
        pyro.sample("hint", pdist.Normal(z, 1.0), obs=x[:, 0], infer=hint)


def guide(x: torch.Tensor) -> None:
    with pyro.plate("data", len(x)):
        pyro.sample("z", pdist.Normal(x.mean(-1) * 0.75, 0.5))


def test_sites_that_are_for_training_only_are_left_out() -> None:
    """z ~ N(0, 1) and three x ~ N(z, 1): N(3/4 mean x, 1/4) is the posterior, the ELBO log p(x)."""
    covariance = np.eye(3) + 1
    exact = multivariate_normal(np.zeros(3), covariance).logpdf(X)  # pyright: ignore
    parts = bound_parts((steered, guide), X, num_particles=500)
    error = 6 * parts.elbo.per_datum_error + 1e-5
    np.testing.assert_array_less(np.abs(parts.elbo.per_datum - exact), error)
    gap = gap_decomposition((steered, guide), X, steps=1, num_draws=100)
    np.testing.assert_allclose(gap.amortised.per_datum, exact, atol=1e-4)
    np.testing.assert_allclose(gap.log_likelihood.per_datum, exact, atol=0.05)
    assert (psis_k_hat((steered, guide), X, 200).per_datum == -np.inf).all()


def test_labels_are_taken() -> None:
    row = ROWS["semi-supervised-vae"]
    batch = row.batch(6)
    pair = create(row.model, engine="pyro", **row.hyperparameters)
    parts = bound_parts(pair, batch, num_particles=20)
    assert parts.elbo.per_datum.shape == (6,)
    again = parts.reconstruction.per_datum - sum(p.per_datum for p in parts.kl.values())
    np.testing.assert_allclose(parts.elbo.per_datum, again, rtol=1e-12)
    assert str(parts).startswith("ELBO ")
    with pytest.raises(ArgumentError, match=r"num_particles must be .* at least 2, got 1"):
        bound_parts(pair, batch, num_particles=1)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_guide_of_points_costs_is_no_divergence_and_the_sum_no_bound(engine: str) -> None:
    """log p(x, z) at z = 0 is above log p(x), by as much as the prior is narrow."""
    words = Words(engine)

    def model(x: Any) -> None:
        with words.plate("data", len(x)):
            z = words.sample("z", words.dist.Normal(0 * x, 0.01))
            words.sample("x", words.dist.Normal(z, 1.0), obs=x)

    def point(x: Any) -> None:
        with words.plate("data", len(x)):
            words.sample("z", words.dist.Delta(0 * x))

    x = np.array([0.4, -1.1], dtype=np.float32)
    parts = bound_parts(SimpleNamespace(engine=engine, model=model, guide=point), x)
    joint = norm.logpdf(x) + norm.logpdf(0, scale=0.01)
    np.testing.assert_allclose(parts.elbo.per_datum, joint, rtol=1e-5)
    assert parts.points == {"z"}
    assert str(parts).startswith("log p(x, z) 2.4")
    assert "- cost[z] -3.686 (no bound on log p(x): the guide has one value of z)" in str(parts)
