"""Approximation and amortisation gap against closed forms and enumeration."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import linear_pairs as lp
import numpy as np
import numpyro
import numpyro.distributions as ndist
import pyro
import pyro.distributions as pdist
import pytest
import tiny_belief_net as tb
import torch
from rows import ENGINES, ROWS
from scipy.optimize import minimize
from scipy.special import log_expit

from inference import Estimate, GapDecomposition, gap_decomposition
from inference.engines.numpyro.free_guides import distribution, freed
from inference.errors import ArgumentError, DataError, ObjectiveError, ZooError
from inference.likelihood import annealing
from inference.posterior import gap as gap_module
from ppl_models import create

X = lp.data(9)
OFF: Any = {"width": 0.7, "shift": 0.3}
FEW: Any = {"steps": 150, "learning_rate": 0.1, "num_particles": 4}


def check_sum(gap: GapDecomposition) -> None:
    """The two gaps are the total, each datum's and each error's own."""
    both = gap.approximation.per_datum + gap.amortisation.per_datum
    np.testing.assert_allclose(both, gap.total.per_datum, atol=1e-9)
    np.testing.assert_allclose(
        gap.total.per_datum, gap.log_likelihood.per_datum - gap.amortised.per_datum, atol=1e-9
    )


@pytest.mark.parametrize("family", ["full", "low-rank"])
def test_a_family_that_holds_the_posterior_has_no_approximation_gap(family: str) -> None:
    """Amortisation is KL(guide || posterior); six standard errors, false failures below 1e-8."""
    gap = gap_decomposition(lp.pair("pyro", family, **OFF), X, reference="exact", **FEW)
    check_sum(gap)
    np.testing.assert_allclose(gap.log_likelihood.per_datum, lp.evidence(X), rtol=1e-5)
    np.testing.assert_allclose(gap.approximation.per_datum, 0, atol=2e-3)
    exact = lp.divergence(family, **OFF)
    assert abs(gap.amortisation.mean - exact) < 6 * gap.amortisation.monte_carlo_error + 2e-3
    error = 6 * gap.total.per_datum_error
    np.testing.assert_array_less(np.abs(gap.total.per_datum - exact), error)
    assert error.max() < 0.3


@pytest.mark.parametrize(
    ("engine", "family"), [("pyro", "diagonal"), ("pyro", "sites"), ("numpyro", "sites")]
)
def test_a_diagonal_family_misses_the_correlation(engine: str, family: str) -> None:
    """log p(x) - max ELBO = 1/2 (sum log diag P - log |P|), P the posterior's precision.

    The reference is importance sampling with the optimised guide, once in sets of draws.
    """
    draws: Any = {"num_draws": 4000}
    if family == "diagonal":
        draws = {"num_draws": 1000, "chunk_size": 100}
    gap = gap_decomposition(lp.pair(engine, family, **OFF), X, **draws, **FEW)
    check_sum(gap)
    assert abs(gap.approximation.mean - lp.DIAGONAL_GAP) < (
        6 * gap.approximation.monte_carlo_error + 2e-3
    )
    assert 6 * gap.approximation.monte_carlo_error < 0.06 < lp.DIAGONAL_GAP
    amortisation = lp.divergence(family, **OFF) - lp.DIAGONAL_GAP
    assert abs(gap.amortisation.mean - amortisation) < 6 * gap.amortisation.monte_carlo_error + 2e-3
    likelihood = gap.log_likelihood
    np.testing.assert_array_less(
        np.abs(likelihood.per_datum - lp.evidence(X)), 6 * likelihood.per_datum_error + 1e-4
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_bernoulli_latents_against_enumeration(engine: str) -> None:
    """Exact ELBO and evidence by a sum over the states; the best logits by L-BFGS in float64."""
    values, x = tb.parameters(), tb.data(6)
    log_q, log_w = tb._log_weights(values, x)
    log_p = log_q + log_w  # (N, S)
    evidence = np.logaddexp.reduce(log_p, axis=1)

    def loss(logits: np.ndarray, row: int) -> float:
        own = (tb.STATES * log_expit(logits) + (1 - tb.STATES) * log_expit(-logits)).sum(1)
        return float(np.exp(own) @ (own - log_p[row]))

    start = x @ values["guide_weight"].T + values["guide_bias"]
    best = np.array([-minimize(loss, start[n], args=(n,)).fun for n in range(len(x))])
    given = Estimate(float(evidence.mean()), 0.0, evidence, "enumeration")
    gap = gap_decomposition(
        tb.pair(engine, values),
        x.astype(np.float32),
        reference=given,
        steps=250,
        learning_rate=0.1,
        num_particles=16,
        num_draws=4000,
    )
    check_sum(gap)
    before = (np.exp(log_q) * log_w).sum(1)
    # 0.01 nat for what stochastic gradients leave of the optimum.
    for part, exact, slack in (
        (gap.amortised, before, 1e-5),
        (gap.total, evidence - before, 1e-5),
        (gap.optimised, best, 0.01),
        (gap.approximation, evidence - best, 0.01),
        (gap.amortisation, best - before, 0.01),
    ):
        error = 6 * part.per_datum_error + slack
        np.testing.assert_array_less(np.abs(part.per_datum - exact), error)
        assert abs(part.mean - exact.mean()) < 6 * part.monte_carlo_error + slack
    assert gap.amortisation.mean > 0.1
    assert str(gap).endswith("nats per datum (reference enumeration, 250 steps, K=4000)")


def test_one_hot_latents_and_labels_are_taken() -> None:
    """A mixed latent: Normal and one-hot sites; the optimised bound is the better one."""
    row = ROWS["vae-mixed"]
    pair = create(row.model, engine="pyro", **row.hyperparameters)
    gap = gap_decomposition(pair, row.batch(5), steps=60, num_draws=300)
    check_sum(gap)
    assert gap.amortisation.mean > -6 * gap.amortisation.monte_carlo_error
    row = ROWS["conditional-vae-classes"]
    pair = create(row.model, engine="pyro", **row.hyperparameters)
    assert gap_decomposition(pair, row.batch(5), steps=5, num_draws=100).total.mean > 0


def categorical(x: torch.Tensor) -> None:
    logits = torch.zeros(3).requires_grad_(False)
    with pyro.plate("data", len(x)):
        c = pyro.sample("c", pdist.Categorical(logits=logits))
        means = torch.tensor([[-1.0, 0, 0], [0.0, 1, 0], [0, 0, 2.0]])
        pyro.sample("x", pdist.Normal(means[c], 1.0).to_event(1), obs=x)


def uniform(x: torch.Tensor) -> None:
    with pyro.plate("data", len(x)):
        pyro.sample("c", pdist.Categorical(logits=torch.zeros(3)))


def test_a_free_categorical_reaches_the_posterior() -> None:
    """Its family holds the posterior: no approximation gap, and KL(uniform || posterior) before."""
    means = np.array([[-1.0, 0, 0], [0.0, 1, 0], [0, 0, 2.0]])
    joint = -0.5 * ((X[:, None] - means) ** 2).sum(2) - 1.5 * np.log(2 * np.pi) - np.log(3)
    evidence = np.logaddexp.reduce(joint, axis=1)
    given = Estimate(0.0, 0.0, evidence, "sum")
    gap = gap_decomposition(
        (categorical, uniform), X, reference=given, steps=200, learning_rate=0.1
    )
    np.testing.assert_allclose(gap.approximation.per_datum, 0, atol=0.01)
    exact = evidence - (joint.mean(1) + np.log(3))
    np.testing.assert_array_less(
        np.abs(gap.total.per_datum - exact), 6 * gap.total.per_datum_error + 1e-5
    )


def auxiliary(x: torch.Tensor) -> None:
    with pyro.plate("data", len(x)):
        pyro.sample("u", pdist.Normal(torch.zeros(len(x)), 1.0), infer={"is_auxiliary": True})
        pyro.sample("c", pdist.Categorical(logits=torch.zeros(3)))


def masked(x: Any) -> None:
    with pyro.plate("data", len(x)), pyro.poutine.mask(mask=x[:, 0] > 0):
        pyro.sample("c", pdist.Categorical(logits=torch.zeros(3)))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dlgm", "'z2' differs from run to run.*depends on a latent drawn before"),
        ("vae-iaf", "'z' is .*Use a guide of one of these families"),
        ("hmm-summed", "draws no latents"),
        (auxiliary, "auxiliary 'u'"),
        (masked, "without a mask or scale; the guide's 'c' is"),
    ],
)
def test_guides_that_cannot_be_freed_are_refused_by_site(name: Any, words: str) -> None:
    if callable(name):
        pair, batch = (categorical, name), (X,)
    else:
        row = ROWS[name]
        pair, batch = create(row.model, engine="pyro", **row.hyperparameters), row.batch(4)
    with pytest.raises(ObjectiveError, match=words) as caught:
        gap_decomposition(pair, batch)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"steps": 0}, ArgumentError, "steps must be a whole number of at least 1"),
        ({"num_particles": 1}, ArgumentError, "num_particles must be .* at least 2, got 1"),
        ({"num_draws": 99}, ArgumentError, "num_draws must be .* at least 100, got 99"),
        ({"learning_rate": -1.0}, ArgumentError, "learning_rate must be a positive number"),
        ({"reference": "nuts"}, ArgumentError, "reference must be 'iw', 'ais', 'exact' or an"),
        (
            {"reference": Estimate(0.0, 0.0, np.zeros(3), "")},
            ArgumentError,
            "for the 9 rows of x, but it is one for 3 rows",
        ),
        ({"x": X[:, :2]}, ZooError, r"fails on a batch of shape \(2, 2\)"),
        ({"x": np.where(X > 1, np.nan, X)}, DataError, "NaN or infinite"),
    ],
)
def test_bad_arguments_are_one_sentence(
    arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        gap_decomposition(**{"pair": lp.pair("pyro"), "x": X, **arguments})
    assert "\n" not in str(caught.value)


def test_families_of_numpyro_keep_their_densities() -> None:
    """What is freed and built again scores as before: 1e-5, of the order of float32's rounding."""
    random = np.random.default_rng(0)
    loc, factor = (random.normal(size=size).astype("float32") for size in ((4, 3), (4, 3, 2)))
    value, one = random.normal(size=(4, 3)), np.eye(2)[random.integers(0, 2, (4, 3))]

    @jax.jit
    def scores(loc: Any, factor: Any) -> list[tuple[Any, Any]]:
        found = []
        tril = factor[0] @ factor[0].T + jnp.eye(3)
        for fn, drawn in (
            (ndist.Normal(0.3, jnp.exp(loc)).to_event(1), value),
            (ndist.MultivariateNormal(loc[0], scale_tril=jnp.tril(tril)).expand([4]), value),
            (ndist.LowRankMultivariateNormal(loc, factor, jnp.exp(loc)), value),
            (ndist.Multinomial(total_count=1, logits=factor).to_event(1), one),
        ):
            kind = freed("z", {"fn": fn, "scale": None})
            again: Any = distribution(kind, kind.parameters)
            assert again.event_shape == fn.event_shape
            assert all(len(part) == 4 for part in kind.parameters.values())
            found.append((again.log_prob(drawn), fn.log_prob(drawn)))
        return found

    with numpyro.validation_enabled(False):
        for again, before in scores(loc, factor):
            np.testing.assert_allclose(again, before, rtol=1e-5, atol=1e-5)
    for fn in (ndist.Laplace(loc, 1.0), ndist.Normal(loc, 1.0).mask(mask=False)):
        with pytest.raises(ObjectiveError, match=r"'z' is (Laplace|MaskedDistribution)"):
            freed("z", {"fn": fn, "scale": None})
    with pytest.raises(ObjectiveError, match="without a mask or scale"):
        freed("z", {"fn": ndist.Normal(loc, 1.0), "scale": 0.5})


def test_annealing_is_a_reference_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guide is exact: the total gap is what annealing leaves, within its own error."""
    short = functools.partial(
        annealing.annealed_importance_sampling, num_temperatures=20, num_chains=8
    )
    monkeypatch.setattr(gap_module, "annealed_importance_sampling", short)
    gap = gap_decomposition(lp.pair("pyro"), X[:2], reference="ais", steps=1, num_draws=100)
    error = 6 * gap.total.per_datum_error + 0.02
    np.testing.assert_array_less(np.abs(gap.total.per_datum), error)
    assert 0 < gap.log_likelihood.monte_carlo_error < 0.2
