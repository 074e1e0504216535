"""Annealed importance sampling and bidirectional Monte Carlo against evidence in closed form.

The weights of annealing are unbiased: E[w / p(x)] = 1 for each chain. So the mean of w / p(x) over
all chains is compared with 1 and must be within five of its standard errors, which are found from
the chains; a normal mean is not in one of 1.7 million runs. (The logarithm of a mean is biased, and
says less.) Seeds are fixed, so that a test passes always or never.
"""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import linear_gaussian as lg
import numpy as np
import numpyro
import numpyro.distributions as ndist
import pyro
import pyro.distributions as pdist
import pytest
import torch
from bounded_chain import bounded_chain, evidence
from placing import place
from rows import ENGINES, ROWS
from scipy.stats import chi2, multivariate_normal

from inference import annealed_importance_sampling, bidirectional, fit, log_likelihood
from inference.data.rows import chunks
from inference.engines import load_engine
from inference.engines.numpyro.pairs import StoredPair
from inference.engines.pyro.parameters import rebuild
from inference.errors import ArgumentError, DataError, DivergenceError, ObjectiveError, PairError
from inference.likelihood import annealing_chains
from ppl_models import create
from ppl_models.datasets import load

VALUES = lg.parameters(4, 2)
X = np.random.default_rng(5).normal(scale=1.5, size=(23, 4)).astype(np.float32)
SHORT: Any = {"num_temperatures": 40, "leapfrog_steps": 3}


def ppca(engine: str) -> Any:
    pair = create("ppca", engine=engine, data_dim=4, latent_dim=2)
    if engine == "pyro":
        return rebuild(pair, lg.single(VALUES), (X,))
    return StoredPair(pair, lg.single(VALUES))


def log_evidence(x: Any, noise: float) -> Any:
    covariance = VALUES["weight"] @ VALUES["weight"].T + noise**2 * np.eye(4)
    normal: Any = multivariate_normal
    return normal(VALUES["mean"], covariance).logpdf(x.astype(np.float64))


def distance(log_ratios: Any) -> float:
    """Standard errors from the mean of exp(log_ratios), all independent, to 1."""
    ratios = np.exp(log_ratios).ravel()
    return float(abs(ratios.mean() - 1) / (ratios.std(ddof=1) / np.sqrt(ratios.size)))


@pytest.mark.parametrize("engine", ENGINES)
def test_the_weights_average_to_the_evidence(engine: str) -> None:
    """40 chains for each of 23 data; two chunks, the second filled up."""
    found = annealed_importance_sampling(
        ppca(engine), X, num_chains=40, chunk_size=500, schedule="linear", **SHORT
    )
    exact = log_evidence(X, 0.8)
    assert found.chains.shape == (40, 23)
    assert distance(found.chains - exact) < 5
    # The log of a mean of 40 weights is off by half its variance, a hundredth of a nat.
    assert abs(found.mean - exact.mean()) < 5 * found.monte_carlo_error
    np.testing.assert_allclose(
        found.per_datum, np.log(np.exp(found.chains - exact).mean(0)) + exact, rtol=1e-6
    )
    assert 0.5 < found.acceptance < 0.8  # 0.65 is aimed at
    assert (found.effective_sample_size > 2).all()
    assert (found.effective_sample_size <= 40).all()
    assert found.method == "ais, C=40, T=40 (linear), 3 leapfrog steps, own likelihood"


@pytest.mark.parametrize("engine", ENGINES)
def test_several_latents_a_hierarchy_and_an_interval(engine: str) -> None:
    """30 chains for each of 20 data."""
    x = np.linspace(-4, 4, 20, dtype=np.float32)[:, None]
    pair = bounded_chain(engine)
    found = annealed_importance_sampling(pair, x, num_chains=30, noise_scale=0.3, **SHORT)
    assert distance(found.chains - evidence(x, 0.3)) < 5
    assert "noise scale 0.3" in found.method
    if engine == "numpyro":  # see test_moves_leave_each_distribution_as_it_is
        return
    again = annealed_importance_sampling(pair, x, num_chains=30, noise_scale=0.3, **SHORT)
    np.testing.assert_array_equal(found.chains, again.chains)


def planted(monkeypatch: pytest.MonkeyPatch, bug: str) -> None:
    home = importlib.import_module("inference.engines.pyro.annealing")
    if bug == "no Metropolis correction":
        monkeypatch.setattr(home, "accepted", lambda ratio, uniform: torch.ones_like(ratio) > 0)
    elif bug == "no Jacobian":
        monkeypatch.setattr(home, "log_jacobian", lambda transform, u, value: u.new_zeros(len(u)))
    elif bug == "equal increments":
        monkeypatch.setattr(
            annealing_chains,
            "increments",
            lambda betas: np.full(len(betas) - 1, 1 / (len(betas) - 1)),
        )


@pytest.mark.parametrize(
    "bug", ["none", "no Metropolis correction", "no Jacobian", "equal increments"]
)
def test_planted_bugs_are_seen(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    planted(monkeypatch, bug)
    x = np.linspace(-4, 4, 20, dtype=np.float32)[:, None]
    found = annealed_importance_sampling(
        bounded_chain("pyro"), x, num_chains=100, chunk_size=4000, **SHORT
    )
    assert (distance(found.chains - evidence(x)) < 5) == (bug == "none")


@pytest.mark.parametrize("engine", ENGINES)
def test_moves_leave_each_distribution_as_it_is(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """4,000 exact draws of p(z) p(x | z)^0.3, three moves: the same Gaussian as before.

    Twice the sum of squares of a standard normal sample, by chi-squared: 2e-6 false failures.
    """
    beta, weight, variance = 0.3, VALUES["weight"], np.exp(2 * VALUES["log_noise"])
    precision = beta * weight.T @ weight / variance + np.eye(2)
    mean = np.linalg.solve(precision, beta * weight.T @ (X[0] - VALUES["mean"]) / variance)
    factor = np.linalg.cholesky(np.linalg.inv(precision))
    before = np.random.default_rng(1).normal(size=(4000, 2))
    rows = (np.tile(X[:1], (4000, 1)),)

    def moved() -> Any:
        annealer = load_engine(engine).Annealer(
            ppca(engine), (X[:2],), leapfrog_steps=3, noise_scale=None
        )
        state = annealer.at(rows, {"z": (before @ factor.T + mean).astype(np.float32)})
        for seed in range(3):
            state, chance = annealer.move(state, beta, np.full(4000, 0.7), seed)
        assert 0.3 < chance.mean() < 0.9  # pyright: ignore[reportPossiblyUnboundVariable]
        ends = [annealer.move(state, beta, np.full(4000, 0.7), seed)[1] for seed in (7, 7, 8)]
        np.testing.assert_array_equal(ends[0], ends[1])  # the seed decides
        assert (ends[0] != ends[2]).any()
        return np.linalg.solve(factor, (np.asarray(state.position) - mean).T).T

    def surprise(sample: Any) -> float:
        centre = chi2.sf(4000 * (sample.mean(0) ** 2).sum(), 2)
        spread = chi2.cdf((sample**2).sum(), 8000)
        return float(min(centre, spread, 1 - spread))

    after = moved()
    assert surprise(after) > 1e-6
    assert abs(np.corrcoef(before[:, 0], after[:, 0])[0, 1]) < 0.5  # they did move
    if engine == "pyro":
        planted(monkeypatch, "no Metropolis correction")
        assert surprise(moved()) < 1e-6


@pytest.mark.parametrize(("engine", "noise_scale"), [("pyro", 1.0), ("numpyro", None)])
def test_bounds_are_on_both_sides_of_the_evidence(engine: str, noise_scale: float | None) -> None:
    """100 simulated data, 4 chains each; five standard errors over the data on each side.

    With fewer temperatures, 1 / w has so long a tail that its mean is far from normal.
    """
    found = bidirectional(
        ppca(engine),
        100,
        num_chains=4,
        num_temperatures=100,
        leapfrog_steps=3,
        noise_scale=noise_scale,
    )
    exact = log_evidence(found.x, noise_scale or 0.8)
    covariance = VALUES["weight"] @ VALUES["weight"].T + (noise_scale or 0.8) ** 2 * np.eye(4)
    squares = (
        np.linalg.solve(covariance, (found.x - VALUES["mean"]).T) * (found.x - VALUES["mean"]).T
    )
    assert 1e-6 < chi2.cdf(squares.sum(), 400) < 1 - 1e-6  # x is the model's own
    for below, above in (
        (found.lower.per_datum, exact),
        (exact, found.upper.per_datum),
        (found.lower.per_datum, found.upper.per_datum),
    ):
        excess = below - above
        assert excess.mean() < 5 * excess.std(ddof=1) / 10
    # The chains of a datum begin together, so that only their mean is independent.
    assert distance(np.log(np.exp(exact - found.upper.chains).mean(0))) < 5
    assert distance(found.lower.chains - exact) < 5
    np.testing.assert_allclose(found.gap, found.upper.mean - found.lower.mean, rtol=1e-6)
    assert found.standard_error > 0
    assert f"gap {found.gap:.3f}" in str(found)


def test_more_temperatures_close_the_gap() -> None:
    pair = ppca("pyro")
    gaps = [
        bidirectional(pair, 100, num_chains=4, num_temperatures=count, leapfrog_steps=3)
        for count in (3, 30)
    ]
    for found in gaps:
        assert found.gap > 0
    assert gaps[1].gap + 5 * gaps[0].standard_error < gaps[0].gap


def test_a_decoder_scores_as_by_importance_sampling() -> None:
    """A decoder trained and scored on Pyro, annealed on NumPyro: 16 chains for each of 20 digits.

    The score is from 10,000 particles. With as many draws of a two-dimensional latent, what
    importance sampling is off by is small beside the error of annealing.
    """
    digits = load("digits", binarisation="threshold")
    sizes: Any = {"data_dim": 64, "latent_dim": 2, "hidden": (16,)}
    trained = fit(
        create("vae", engine="pyro", **sizes),
        digits.train[:1000],
        steps=120,
        batch_size=50,
        learning_rate=1e-2,
        progress=False,
    )
    x = digits.test[:20]
    truth = log_likelihood(trained.pair, x, 10_000, chunk_size=100_000)
    assert truth.mean > log_likelihood(create("vae", engine="pyro", **sizes), x).mean + 10
    twin = place(create("vae", engine="numpyro", **sizes), trained.parameters, (x,))
    found = annealed_importance_sampling(twin, x, **SHORT)
    assert distance(found.chains - truth.per_datum) < 5
    assert abs(found.mean - truth.mean) < 5 * found.monte_carlo_error + 0.05


def test_what_the_pair_takes_besides_x() -> None:
    """Bounds of a conditional model from both sides, five standard errors over 40 data."""
    row = ROWS["conditional-vae-classes"]
    pair = create("conditional_vae", engine="pyro", **row.hyperparameters)
    _, y = row.batch(40)
    found = bidirectional(pair, 40, y, num_chains=3, num_temperatures=20, leapfrog_steps=2)
    assert found.gap > -5 * found.standard_error
    again = annealed_importance_sampling(
        pair, (found.x, y), num_chains=3, num_temperatures=20, leapfrog_steps=2
    )
    np.testing.assert_array_equal(again.per_datum, found.lower.per_datum)


@pytest.mark.parametrize("engine", ENGINES)
def test_chains_of_a_normalised_network_are_apart(engine: str) -> None:
    """In training mode, the mean and variance of the batch would tie the chains together."""
    row = ROWS["mlp-generator-batch-norm"]
    pair = create("mlp_generator", engine=engine, **row.hyperparameters)
    (x,) = row.batch(6)
    annealer = load_engine(engine).Annealer(pair, (x[:2],), leapfrog_steps=1, noise_scale=None)
    z = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    scores = []
    for others in (1.0, 5.0):
        z[1:] *= others
        scores.append(np.asarray(annealer.at((x,), {"z": z}).log_likelihood))
    np.testing.assert_allclose(scores[0][0], scores[1][0], rtol=1e-6)
    assert (abs(scores[0][1:] - scores[1][1:]) > 1e-3).all()


@pytest.mark.parametrize("schedule", ["sigmoid", "linear"])
def test_temperatures_rise_from_zero_to_one(schedule: str) -> None:
    betas = annealing_chains.temperatures(100, schedule)
    assert betas.shape == (101,)
    assert (betas[0], betas[-1]) == (0.0, 1.0)
    steps = np.diff(betas)
    assert (steps > 0).all()
    # The logistic curve between -4 and 4 is steepest in the middle, 1 / (4 tanh(2)) * 8 / 100.
    middle = {"linear": 0.01, "sigmoid": 8 / 100 / 4 / np.tanh(2)}[schedule]
    np.testing.assert_allclose(steps[[49, 50]], middle, rtol=1e-2)


def test_one_temperature_is_importance_sampling_from_the_prior() -> None:
    pair = ppca("pyro")
    found = annealed_importance_sampling(pair, X[:1], num_chains=2000, num_temperatures=1)
    assert distance(found.chains - log_evidence(X[:1], 0.8)) < 5
    assert np.isnan(found.standard_error)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_discrete_latent_is_refused_by_name(engine: str) -> None:
    row = ROWS["sigmoid-belief"]
    pair = create("sigmoid_belief", engine=engine, **row.hyperparameters)
    with pytest.raises(ObjectiveError, match=r"latent 'h\d' is discrete .*log_likelihood"):
        annealed_importance_sampling(pair, *row.batch(3))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"noise_scale": 0.0}, "noise_scale must be a positive number"),
        ({"noise_scale": -1.0}, "noise_scale must be a positive number"),
        ({"num_chains": 0}, "num_chains must be a whole number of at least 1"),
        ({"num_temperatures": 2.5}, "num_temperatures must be a whole number"),
        ({"leapfrog_steps": 0}, "leapfrog_steps must be a whole number"),
        ({"schedule": "cosine"}, "schedule must be one of sigmoid, linear, got 'cosine'"),
    ],
)
def test_arguments_without_a_meaning(arguments: dict[str, Any], words: str) -> None:
    for call in (annealed_importance_sampling, bidirectional):
        data: Any = X if call is annealed_importance_sampling else 3
        with pytest.raises(ArgumentError, match=words):
            call(ppca("pyro"), data, **arguments)
    with pytest.raises(ArgumentError, match="size must be a whole number"):
        bidirectional(ppca("pyro"), 0)


def test_data_outside_of_the_support() -> None:
    pair = create("vae", engine="pyro", **ROWS["vae"].hyperparameters)
    with pytest.raises(DataError, match=r"needs values in \[0, 1\]"):
        annealed_importance_sampling(pair, np.full((3, 12), 2.0))
    with pytest.raises(DataError, match="cross-entropy, not a log-likelihood"):
        annealed_importance_sampling(pair, np.full((3, 12), 0.5))


def test_parameters_that_are_not_numbers() -> None:
    pair = create("ppca", engine="pyro", data_dim=4, latent_dim=2)
    broken = place(pair, lg.single({**VALUES, "mean": np.full(4, np.nan)}), (X,))
    with pytest.raises(DataError, match=r"log p\(x \| z\) is nan for row 0"):
        annealed_importance_sampling(broken, X, **SHORT)


def test_moves_that_end_nowhere() -> None:
    state = SimpleNamespace(log_likelihood=np.zeros(2))
    lost: Any = SimpleNamespace(move=lambda *_: (state, np.full(2, np.nan)))
    chunk = next(chunks((X[:2],), 2))
    betas = annealing_chains.temperatures(3, "linear")
    with pytest.raises(DivergenceError, match=r"power 0.333 .* not finite"):
        annealing_chains.sweep(lost, chunk, state, betas, np.ones((2, 2)), np.arange(4))


@pytest.mark.parametrize("engine", ENGINES)
def test_models_that_cannot_be_annealed(engine: str) -> None:
    library: Any = pyro if engine == "pyro" else numpyro
    dist: Any = pdist if engine == "pyro" else ndist
    zero: Any = torch.zeros(()) if engine == "pyro" else np.zeros(())

    def bounds_that_move(x: Any) -> None:
        with library.plate("data", len(x)):
            width = library.sample("width", dist.Normal(zero, 1.0))
            z = library.sample("z", dist.Uniform(zero - 9.0, width))
            library.sample("x", dist.Normal(z[..., None], 1.0).to_event(1), obs=x)

    def two_plates(x: Any) -> None:
        with library.plate("data", len(x), dim=-1):
            with library.plate("within", 2, dim=-2):
                z = library.sample("z", dist.Normal(zero, 1.0))
            library.sample("x", dist.Normal(z.sum(-2)[..., None], 1.0).to_event(1), obs=x)

    def no_latents(x: Any) -> None:
        with library.plate("data", len(x)):
            library.sample("x", dist.Normal(zero, 1.0).expand([1]).to_event(1), obs=x)

    def shared(x: Any) -> None:
        z = library.sample("z", dist.Normal(zero, 1.0))
        with library.plate("data", len(x)):
            library.sample("x", dist.Normal(z, 1.0).expand([1]).to_event(1), obs=x)

    def no_mean(x: Any) -> None:
        with library.plate("data", len(x)):
            z = library.sample("z", dist.Normal(zero, 1.0))
            library.sample("x", dist.Normal(z[..., None], 1.0).to_event(1), obs=x)

    x = np.zeros((3, 1), np.float32)
    for model, kind, words in (
        (bounds_that_move, ObjectiveError, "'z' to an unbounded one, but its bounds depend"),
        (two_plates, ObjectiveError, r"'z' has batch shape \(2, 2\) for 2 data"),
        (no_latents, ObjectiveError, "this model draws none"),
        (shared, ObjectiveError, "latent 'z', outside of the data's plate"),
        (no_mean, PairError, r"must be the mean of x, shape \(2, 1\); got NoneType"),
    ):
        with pytest.raises(kind, match=words):
            annealed_importance_sampling(
                (model, lambda x: None), x, noise_scale=0.1, engine=engine, **SHORT
            )
