"""Random effects: the eight schools against a one-dimensional integral, and NUTS."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from rows import ENGINES
from scipy import stats
from scipy.special import logsumexp

from inference import ELBO, IWAE, NUTS, fit, posterior_error
from inference.engines import load_engine
from inference.posterior.diagnostics import monte_carlo_error
from ppl_models import create
from ppl_models.datasets import load

halfcauchy: Any = stats.halfcauchy  # scipy's types are not those of its laws
multivariate_normal: Any = stats.multivariate_normal

DATA = load("eight_schools")
X, Y = DATA.train, DATA.y["train"]


@functools.cache
def exact() -> dict[str, tuple[float, float]]:
    """Means and standard deviations by site and entry, and log p(x) ("evidence").

    Given the scale, mean, offsets and data are jointly Gaussian; over the scale, a fine grid.
    """
    grid = np.linspace(0.005, 150, 30_000)
    step, count = grid[1] - grid[0], len(X)
    value, variance = X[:, 0].astype(float), Y[:, 0].astype(float) ** 2
    logs, means, seconds = [], [], []
    for scale in grid[::10]:
        # (mean, offsets) ~ Normal(0, prior), x = design (mean, offsets) + noise
        design = np.hstack([np.ones((count, 1)), scale * np.eye(count)])
        prior = np.diag([25.0, *np.ones(count)])
        covariance = design @ prior @ design.T + np.diag(variance)
        gain = prior @ design.T @ np.linalg.inv(covariance)
        middle = gain @ value
        means.append(middle)
        seconds.append(np.diag(prior - gain @ design @ prior) + middle**2)
        logs.append(multivariate_normal(np.zeros(count), covariance).logpdf(value))
    log_joint = np.array(logs) + halfcauchy(scale=5).logpdf(grid[::10])
    total = float(np.asarray(logsumexp(log_joint)))
    weight = np.exp(log_joint - total)
    scales = grid[::10]
    first, second = weight @ np.array(means), weight @ np.array(seconds)
    found = {"mean": (first[0], np.sqrt(second[0] - first[0] ** 2))}
    for n in range(count):
        found[f"offset{n}"] = (first[n + 1], np.sqrt(second[n + 1] - first[n + 1] ** 2))
    average = weight @ scales
    found["scale"] = (average, np.sqrt(weight @ scales**2 - average**2))
    found["evidence"] = (total + float(np.log(10 * step)), 0.0)
    return found


def entries(draws: Any) -> dict[str, np.ndarray]:
    """(chains, draws) of each entry."""
    found = {name: np.asarray(draws[name]) for name in ("mean", "scale")}
    return found | {f"offset{n}": np.asarray(draws["offset"])[..., n] for n in range(len(X))}


@functools.cache
def fitted() -> Any:
    pair = create("random_effects", engine="numpyro")
    return fit(
        pair, (X, Y), objective=ELBO(10), steps=1500, learning_rate=0.02, seed=0, progress=False
    )


def test_nuts_is_within_monte_carlo_error_of_the_integral() -> None:
    """Five Monte Carlo errors in each of ten entries: fails once in 100,000 runs."""
    chains = NUTS(num_warmup=500, num_samples=1000, target_accept=0.95)
    posterior = chains.sample(create("random_effects", engine="numpyro"), (X, Y))
    for name, draws in entries(posterior.draws).items():
        error = float(monte_carlo_error({name: draws}, "mean")[name])
        assert abs(draws.mean() - exact()[name][0]) < 5 * error, name
        assert error < 0.1 * exact()[name][1], name


def test_svi_is_within_a_tenth_of_a_standard_deviation() -> None:
    """Of the integral, in means and log widths; guides without the offsets' pull are far off."""
    means, widths = ({n: v[i] for n, v in exact().items()} for i in (0, 1))
    random, draws = np.random.default_rng(0), {}
    for name in ("mean", "scale"):
        draws[name] = means[name] + widths[name] * random.normal(size=4000)
    offsets = np.array([means[f"offset{n}"] for n in range(8)])
    spread = np.array([widths[f"offset{n}"] for n in range(8)])
    draws["offset"] = offsets + spread * random.normal(size=(4000, 8))
    table: Any = posterior_error(fitted(), draws, (X, Y), num_draws=4000).table
    assert (abs(table["mean_error"]) < 0.1 + 3 * table["mean_noise"]).all()
    assert (abs(table["log_sd_ratio"]) < 0.15).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_the_bound_rises_to_the_exact_evidence(engine: str) -> None:
    """L_1 < L_100 < log p(x), the last within a hundredth of a nat: the guide is nearly exact."""
    pair = create("random_effects", engine=engine)
    pair.set_weights(fitted().pair.get_weights())
    found = []
    for objective in (ELBO(50, analytic_kl=False), ELBO(500, analytic_kl=False)):
        _, losses = load_engine(engine).gradients(pair, objective, (X, Y), 20)
        found.append((-losses.mean(), losses.std() / 20**0.5))
    evidence = exact()["evidence"][0]
    for value, error in found:
        assert evidence - 0.1 < value + 5 * error
        assert value - 5 * error < evidence


def test_weights_given_the_shared_latents_are_exact() -> None:
    """The offsets' guide is their posterior given mean and scale, so that K does not matter."""
    pair = create("random_effects", engine="numpyro")
    losses = [
        load_engine("numpyro").gradients(pair, IWAE(k), (X, Y), 20, seed=0)[1] for k in (1, 20)
    ]
    assert losses[0].std() > 1e-2
    values = [each.mean() for each in losses]
    assert abs(values[0] - values[1]) < 5 * (losses[0].std() + losses[1].std()) / 20**0.5


@pytest.mark.parametrize("engine", ENGINES)
def test_arguments_are_explained(engine: str) -> None:
    pair, backend = create("random_effects", engine=engine, data_size=8), load_engine(engine)
    model: Any = pair.model
    with pytest.raises(ValueError, match="guide='structured' needs all rows at once"):
        backend.structure(pair, (X[:4], Y[:4]))
    with pytest.raises(ValueError, match="y must hold positive standard errors"):
        pair.check_batch(X, -Y)
    with pytest.raises(ValueError, match="takes standard errors beside x"):
        pair.check_batch(X)
    with pytest.raises(ValueError, match=r"y must have the shape of x, \(8, 1\)"):
        pair.check_batch(X, Y[:4])
    with pytest.raises(ValueError, match="size=3, got 8; leave size out"):
        model(None, Y, size=3)
    with pytest.raises(ValueError, match="guide must be one of structured, mean-field"):
        create("random_effects", engine=engine, guide="full")


def test_several_measurements_count_as_their_weighted_mean() -> None:
    """The bound differs from that of the pooled measurement by the data alone, not by the guide."""
    pair, several = (
        create("random_effects", engine="numpyro", data_dim=columns) for columns in (1, 2)
    )
    values, errors = np.hstack([X, X + 1]), np.hstack([Y, 2 * Y])
    weight = errors**-2.0
    value = (weight * values).sum(1, keepdims=True) / weight.sum(1, keepdims=True)
    error = weight.sum(1, keepdims=True) ** -0.5
    gradients = load_engine("numpyro").gradients
    ours = gradients(several, ELBO(), (values, errors), 5)[1]
    theirs = gradients(pair, ELBO(), (value.astype(np.float32), error.astype(np.float32)), 5)[1]
    np.testing.assert_allclose(np.ptp(ours - theirs), 0, atol=1e-3)
    assert np.ptp(ours) > 0.01


def test_a_part_of_the_rows_goes_with_mean_field() -> None:
    pair = create("random_effects", engine="numpyro", guide="mean-field", data_size=8)
    run = fit(pair, (X, Y), batch_size=4, steps=50, learning_rate=0.02, progress=False)
    assert np.isfinite(run.rows[-1]["loss"])
