"""NUTS against a conjugate posterior; diagnostics against their published formulas."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import linear_regression as lr
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from scipy.stats import norm, rankdata

from inference import NUTS, Posterior
from inference.errors import ArgumentError, DataError, ObjectiveError, ZooError
from inference.posterior.arviz_library import load_arviz
from inference.posterior.diagnostics import effective_sample_size, monte_carlo_error, r_hat

az = load_arviz()


def test_agrees_with_the_conjugate_posterior(posterior: Posterior) -> None:
    """2 chains of 250 draws; 9 comparisons at 5.5 standard errors: false failures under 1e-6."""
    mean, covariance = lr.posterior(*lr.data())
    assert posterior.draws["w"].shape == (2, 250, lr.WIDTH)
    w = posterior.draws["w"].reshape(-1, lr.WIDTH).astype(np.float64)
    white = np.linalg.solve(np.linalg.cholesky(covariance), (w - mean).T).T
    ess = float(posterior.ess["w"].min())
    assert ess > 60
    assert 9 * 2 * norm.sf(5.5) < 1e-6
    assert (abs(white.mean(0)) < 5.5 / np.sqrt(ess)).all()
    off = np.cov(white.T) - np.eye(lr.WIDTH)
    assert (abs(off[np.triu_indices(lr.WIDTH)]) < 5.5 * np.sqrt(2 / ess)).all()


def test_reports_what_the_chains_are_worth(posterior: Posterior) -> None:
    data = az.convert_to_dataset({"w": posterior.draws["w"]})
    np.testing.assert_allclose(posterior.r_hat["w"], az.rhat(data)["w"])
    bulk, tail = (az.ess(data, method=method)["w"].values for method in ("bulk", "tail"))
    np.testing.assert_allclose(posterior.ess_bulk["w"], bulk)
    np.testing.assert_allclose(posterior.ess["w"], np.minimum(bulk, tail))
    assert posterior.divergences == 0
    assert posterior.seconds > 0
    assert posterior.converged(r_hat=1.1, ess=60)
    assert not posterior.converged(r_hat=0.9, ess=60)
    assert not posterior.converged(r_hat=1.1, ess=1e6)
    table = posterior.summary()
    assert list(table.index) == ["w[0]", "w[1]", "w[2]"]
    assert {"ess_bulk", "ess_tail", "r_hat"} <= set(table.columns)
    assert "R-hat up to 1.0" in repr(posterior)
    assert "0 divergences" in repr(posterior)
    assert eval(repr(posterior.sampler)) == posterior.sampler


def test_to_arviz_keeps_chains_and_draws_apart(posterior: Posterior) -> None:
    x, y = lr.data()
    data: Any = posterior.to_arviz()
    w = data.posterior["w"].values.astype(np.float64)
    np.testing.assert_array_equal(w, posterior.draws["w"])
    each = norm.logpdf(y, w @ x.T.astype(np.float64), lr.NOISE)
    assert data.log_likelihood["y"].dims == ("chain", "draw", "data")
    np.testing.assert_allclose(data.log_likelihood["y"], each, rtol=1e-3, atol=1e-4)
    joint = each.sum(-1) + norm.logpdf(w).sum(-1)
    np.testing.assert_allclose(data.sample_stats["lp"], joint, rtol=1e-4)
    # An energy is -lp at the end of the draw's path, plus a kinetic part that is positive.
    assert (data.sample_stats["energy"] > -joint - 1e-2).all()
    assert data.sample_stats["diverging"].shape == (2, 250)
    assert data.posterior.attrs["sampler"] == repr(posterior.sampler)
    residuals = data.posterior_predictive["y"].values - w @ x.T
    assert abs(residuals.std() / lr.NOISE - 1) < 5.5 / np.sqrt(2 * residuals.size)
    loo = az.loo(data)  # warns of nothing
    assert not loo.warning


def split_r_hat(draws: Any) -> float:
    """The larger of bulk and tail R-hat of one entry, (C, S): Vehtari et al. 2021, section 4."""

    def plain(values: Any) -> float:
        ranks = rankdata(values).reshape(values.shape)
        z: Any = norm.ppf((ranks - 3 / 8) / (values.size + 1 / 4))
        count = z.shape[1]
        within, between = z.var(1, ddof=1).mean(), count * z.mean(1).var(ddof=1)
        return np.sqrt(((count - 1) / count * within + between / count) / within)

    halves = draws.reshape(len(draws) * 2, -1)
    return max(plain(halves), plain(abs(halves - np.median(halves))))


def test_r_hat_and_effective_sample_size_by_their_formulas() -> None:
    """Chains of (C, S, *shape) that are shifted, stretched or slow, and some that are neither."""
    random = np.random.default_rng(0)
    noise = random.normal(size=(2, 1000, 2, 2))
    noise[1, :, 0, 1] += 3.0
    noise[1, :, 1, 0] *= 4.0
    for t in range(1, 1000):
        noise[:, t, 1, 1] = 0.9 * noise[:, t - 1, 1, 1] + noise[:, t, 1, 1] * np.sqrt(1 - 0.81)
    found = r_hat({"z": noise, "flat": np.ones((2, 8))})
    expected = [[split_r_hat(noise[..., i, j]) for j in range(2)] for i in range(2)]
    np.testing.assert_allclose(found["z"], expected, rtol=1e-6)
    assert found["z"][0, 0] < 1.01
    assert found["z"][0, 1] > 1.5
    assert found["z"][1, 0] > 1.2
    assert np.isnan(found["flat"])
    ess = effective_sample_size({"z": noise})["z"]
    assert 1500 < ess[0, 0] < 2600
    assert ess[0, 1] < 10
    assert 50 < ess[1, 1] < 220  # 2000 (1 - .9) / (1 + .9) = 105
    error = monte_carlo_error({"z": noise}, "mean")["z"]
    np.testing.assert_allclose(error[0, 0], 1 / np.sqrt(2000), rtol=0.2)


def two_groups(x: Any, mark: Any) -> None:
    width = jnp.asarray(numpyro.param("width", 3.0))
    mean = numpyro.sample("mean", dist.Normal(0.0, width))
    numpyro.deterministic("other", mean + 2.0)
    with numpyro.plate("data", len(x)):
        k = numpyro.sample("k", dist.Bernoulli(0.3), infer=mark)
        numpyro.sample("x", dist.Normal(mean + 2.0 * k, 1.0), obs=x)


def test_held_parameters_and_sites_that_are_summed_over() -> None:
    """Against a grid; 2 chains of 200 draws, at 5.5 standard errors of their effective size."""
    x = np.array([0.3, 2.9, 1.2, 0.1], np.float32)

    def model(x: Any) -> None:
        two_groups(x, {"enumerate": "parallel"})

    posterior = NUTS(num_warmup=200, num_samples=200).sample(model, x, engine="numpyro")
    grid = np.linspace(-8, 8, 4001)[:, None]
    each = 0.7 * norm.pdf(x, grid) + 0.3 * norm.pdf(x, grid + 2)
    density = norm.pdf(grid[:, 0], 0, 3) * each.prod(1)
    mean = (grid[:, 0] * density).sum() / density.sum()
    spread = np.sqrt(((grid[:, 0] - mean) ** 2 * density).sum() / density.sum())
    ess = float(posterior.ess["mean"])
    assert ess > 40
    assert abs(posterior.draws["mean"].mean() - mean) < 5.5 * spread / np.sqrt(ess)
    np.testing.assert_allclose(posterior.draws["other"], posterior.draws["mean"] + 2, rtol=1e-5)
    assert posterior.held == ("width",)
    assert posterior.summed == ("k",)
    assert "held: width; summed over: k;" in repr(posterior)
    assert posterior.to_arviz().groups() == ["posterior", "sample_stats"]


def test_divergences_are_counted_and_believed(posterior: Posterior) -> None:
    diverging = np.zeros((2, 250), bool)
    diverging[1, :3] = True
    bad = replace(posterior, statistics={**posterior.statistics, "diverging": diverging})
    assert bad.divergences == 3
    assert "3 divergences" in repr(bad)
    assert not bad.converged(r_hat=1.1, ess=60)
    assert bad.converged(r_hat=1.1, ess=60, divergences=3)


@pytest.mark.parametrize("mark", [{}, {"enumerate": "sequential"}])
def test_other_discrete_latents_are_refused_by_name(mark: Any) -> None:
    with pytest.raises(ObjectiveError, match=r"latent 'k' is discrete.*'enumerate': 'parallel'"):
        NUTS().sample(lambda x: two_groups(x, mark), np.ones(3), engine="numpyro")


def test_settings_and_data_that_cannot_be_sampled_are_refused() -> None:
    x, y = lr.data()
    cases: list[tuple[dict[str, Any], str]] = [
        ({"num_samples": 2}, "num_samples must be a whole number of at least 4"),
        ({"num_chains": 1}, "num_chains must be a whole number of at least 2"),
        ({"num_warmup": 0.5}, "num_warmup must be a whole number"),
        ({"target_accept": 1.0}, "target_accept must lie between 0 and 1"),
        ({"target_accept": None}, "target_accept must lie between 0 and 1"),
    ]
    for settings, words in cases:
        with pytest.raises(ArgumentError, match=words):
            NUTS(**settings)
    with pytest.raises(ArgumentError, match=r"Pyro's.*create\(name, engine='numpyro'\)"):
        NUTS().sample(lr.pair("pyro", *lr.posterior(x, y)), (x, y))
    with pytest.raises(ArgumentError, match="pair must be a pair"):
        NUTS().sample(3, x)
    with pytest.raises(DataError, match="all of the data at once"):
        NUTS().sample(lr.model, iter([(x, y)]))
    dataset = SimpleNamespace(train=x, valid=x[:2], dynamic=True)
    with pytest.raises(DataError, match="binarised afresh"):
        NUTS().sample(lr.model, dataset)
    with pytest.raises(DataError, match="NaN or infinite"):
        NUTS().sample(lr.model, (x, np.where(y > 0, np.nan, y)))
    with pytest.raises(ZooError, match="is given a value of shape"):
        NUTS().sample(lr.model, (x, y[:, None] * np.ones(3)))

    def known(x: Any) -> None:
        numpyro.sample("x", dist.Normal(jnp.asarray(numpyro.param("mean", 0.0)), 1.0), obs=x)

    with pytest.raises(ObjectiveError, match="this model has none"):
        NUTS().sample(known, x)

    def part(x: Any) -> None:
        mean = numpyro.sample("mean", dist.Normal(0.0, 1.0))
        with numpyro.plate("rows", len(x), subsample_size=2) as index:
            numpyro.sample("x", dist.Normal(mean, 1.0).expand([3]).to_event(1), obs=x[index])

    with pytest.raises(ObjectiveError, match=r"plate 'rows' .* takes 2 of 40"):
        NUTS().sample(part, x)
