"""k-hat: known tails, the exact posterior, and a guide that is much too narrow."""

from __future__ import annotations

import linear_pairs as lp
import numpy as np
import pyro
import pyro.distributions as pdist
import pytest
import tiny_belief_net
import torch
from rows import ENGINES
from scipy.stats import genpareto

from inference import fit, psis_k_hat
from inference.errors import ArgumentError, DivergenceError
from inference.posterior.pareto import ParetoShapes
from inference.posterior.psis import pareto_shapes

X = lp.data(40)


@pytest.mark.parametrize("k", [0.2, 0.9])
def test_the_shape_of_known_tails_is_found(k: float) -> None:
    """60 x 10,000 weights: sd of k-hat is about (1 + k) / sqrt(300), of the mean a 60th root of it.

    The fit draws k towards .5 by 10 in 310. Six standard deviations: false failures below 1e-8.
    """
    weights = genpareto.rvs(k, size=(60, 10_000), random_state=np.random.default_rng(1))
    found = pareto_shapes(np.log(weights), np.zeros(60))
    expected = (300 * k + 5) / 310
    assert abs(found.mean() - expected) < 6 * (1 + k) / np.sqrt(300 * 60) + 0.01


def test_equal_weights_have_no_tail_and_a_tail_that_was_not_seen_is_infinite() -> None:
    noise = 1e-6 * np.random.default_rng(0).random((1, 1000))
    rare = np.zeros((1, 1000))
    rare[0, :3] = 5.0
    often = np.where(np.arange(1000) % 3 == 0, 0.0, -1.0)[None]
    rows = np.concatenate([noise, rare, often])
    np.testing.assert_array_equal(pareto_shapes(rows, np.full(3, 1e-5)), [-np.inf, np.inf, -np.inf])


@pytest.mark.parametrize("engine", ENGINES)
def test_the_exact_posterior_passes_and_a_narrow_guide_is_flagged(engine: str) -> None:
    """Widths w < 1 have k = 1 - w^2 at infinitely many draws: .96 for a fifth.

    From 4,000 draws k-hat has a standard deviation of .15, so that more than 8 in 10 of 40 data are
    above .7; that fewer than half would be has a probability below 1e-5. A guide that is too wide
    has bounded weights, so that k < 0 in the limit.
    """
    exact = psis_k_hat(lp.pair(engine), X, 1000)
    assert (exact.per_datum == -np.inf).all()
    assert exact.fractions == {"good": 1.0, "fair": 0.0, "bad": 0.0}
    assert len(exact.bad) == 0
    narrow = psis_k_hat(lp.pair(engine, width=0.2), X, 4000)
    assert len(narrow.bad) >= 20
    assert narrow.fractions["bad"] >= 0.5
    assert abs(narrow.per_datum.mean() - 0.92) < 0.12  # 5 sd of the mean of 40
    assert narrow.per_datum[narrow.bad[0]] == narrow.per_datum.max()
    if engine == "pyro":
        assert psis_k_hat(lp.pair(engine, width=1.3), X, 1000).fractions["good"] == 1.0


def test_the_threshold_falls_where_draws_are_few() -> None:
    """min(1 - 1/log10 K, .7), Vehtari et al. 2024."""
    k = np.array([0.4, 0.6, 0.72, -np.inf])
    for count, threshold in ((100, 0.5), (1000, 2 / 3), (10_000, 0.7), (10**6, 0.7)):
        shapes = ParetoShapes(k, count)
        assert shapes.threshold == pytest.approx(threshold)
        np.testing.assert_array_equal(shapes.bad, [2, 1] if count == 100 else [2])
    assert ParetoShapes(k, 1000).fractions == {"good": 0.5, "fair": 0.25, "bad": 0.25}
    assert str(ParetoShapes(k, 1000)) == (
        "k-hat: 1 of 4 data above 0.67, median 0.50, largest 0.72 (PSIS, K=1000)"
    )


def test_chunks_do_not_mix_data_and_discrete_latents_and_runs_are_taken() -> None:
    """Particles in sets and data in chunks of unequal end: each row keeps its own weights."""
    pair = lp.pair("pyro")

    def guide(x: torch.Tensor) -> None:  # exact for the first rows, narrow for the others
        mean, narrow = x @ torch.tensor(lp.TO_MEAN.T.astype(np.float32)), x[:, :1] > 0
        scale = torch.where(narrow[..., None], 0.1, 1.0) * exact
        with pyro.plate("data", len(x)):
            pyro.sample("z", pdist.MultivariateNormal(mean, scale_tril=scale))

    exact = torch.tensor(np.linalg.cholesky(lp.COVARIANCE).astype(np.float32))
    for chunk_size in (300, 10_000):
        found = psis_k_hat((pair.model, guide), X, 1000, chunk_size=chunk_size)
        np.testing.assert_array_equal(found.per_datum > -np.inf, X[:, 0] > 0)
    x = tiny_belief_net.data(5).astype(np.float32)
    pair = tiny_belief_net.pair("pyro", tiny_belief_net.parameters())
    run = fit(pair, x, objective="elbo", steps=1, progress=False)
    assert psis_k_hat(run, x, 200).per_datum.shape == (5,)


def test_too_few_particles_and_disjoint_supports_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"num_particles must be .* at least 100, got 99"):
        psis_k_hat(lp.pair("pyro"), X, 99)

    def guide(x: torch.Tensor) -> None:
        with pyro.plate("data", len(x)):
            pyro.sample("z", pdist.Normal(torch.zeros(len(x)), 1.0))

    def model(x: torch.Tensor) -> None:
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", pdist.Uniform(torch.tensor(50.0), 51.0, validate_args=False))
            pyro.sample("x", pdist.Normal(z[..., None] + 0 * x, 1.0).to_event(1), obs=x)

    with pytest.raises(DivergenceError, match="same support"):
        psis_k_hat((model, guide), X, 100)
