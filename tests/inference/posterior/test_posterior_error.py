"""posterior_error of Gaussian guides of a Gaussian posterior, all in closed form."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import linear_regression as lr
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from numpyro.infer.autoguide import AutoDelta, AutoMultivariateNormal, AutoNormal
from rows import ENGINES
from scipy.integrate import quad
from scipy.stats import norm

from inference import Posterior, PosteriorError, posterior_error
from inference.engines.numpyro.pairs import StoredPair
from inference.errors import ArgumentError, DataError, PairError

X, Y = lr.data()
MEAN, COVARIANCE = lr.posterior(X, Y)
SPREAD = np.sqrt(np.diag(COVARIANCE))
DRAWS = 20_000
ABSOLUTE = np.sqrt(2 / np.pi)  # E|u| of a standard normal u


@pytest.fixture(scope="module")
def exact() -> dict[str, Any]:
    """Independent draws from the posterior itself."""
    random = np.random.default_rng(8)
    return {"w": random.multivariate_normal(MEAN, COVARIANCE, size=DRAWS)}


def fitted(family: Any) -> Any:
    """An autoguide at the optimum of its family, which is known for a Gaussian posterior."""
    narrow = 1 / np.sqrt(np.diag(np.linalg.inv(COVARIANCE)))
    places: dict[Any, dict[str, Any]] = {
        AutoMultivariateNormal: {
            "auto_loc": MEAN,
            "auto_scale_tril": np.linalg.cholesky(COVARIANCE),
        },
        AutoNormal: {"w_auto_loc": MEAN, "w_auto_scale": narrow},
        AutoDelta: {"w_auto_loc": MEAN},
    }
    values = {name: jnp.asarray(v, jnp.float32) for name, v in places[family].items()}
    return StoredPair((lr.model, family(lr.model)), values)


def test_families_are_ranked_as_they_should_be(posterior: Posterior) -> None:
    """Full rank before mean field before a point, by the draws of NUTS, data included.

    The mean-field optimum has the variances 1 / (precision's diagonal), a point none. 2,000 draws
    of each guide against 2 chains of 250; means and deviations within 5.5 of their standard errors
    of the closed form, 15 comparisons: false failures under 1e-6.
    """
    narrow = 1 / np.sqrt(np.diag(np.linalg.inv(COVARIANCE)))
    widths = {AutoMultivariateNormal: SPREAD, AutoNormal: narrow, AutoDelta: 0 * SPREAD}
    errors: list[PosteriorError] = []
    for family, width in widths.items():
        found = posterior_error(fitted(family), posterior, seed=4)
        errors.append(found)
        table: Any = found.table
        assert list(table.index) == [("w", (0,)), ("w", (1,)), ("w", (2,))]
        assert (abs(table["mean_error"]) < 5.5 * table["mean_noise"]).all()
        if width.any():
            off = table["log_sd_ratio"] - np.log(width / SPREAD)
            assert (abs(off) < 5.5 * table["log_sd_noise"]).all()
        else:
            assert np.isneginf(table["log_sd_ratio"]).all()
        # Of two normals with one mean: the difference of the deviations times E|u|.
        off = table["wasserstein"] - ABSOLUTE * (SPREAD - width) / SPREAD
        assert (abs(off) < 4 * table["wasserstein_noise"]).all()
    full, field, point = errors
    assert full.wasserstein < field.wasserstein < point.wasserstein
    assert full.wasserstein < 2.5 * full.noise
    assert field.wasserstein > 3 * field.noise


def test_noise_is_what_sampling_makes_of_equal_distributions(exact: Any) -> None:
    """Standard errors of independent normal draws, and int sqrt(F (1 - F)) by quadrature."""
    found = posterior_error(lr.pair("pyro", MEAN, COVARIANCE), exact, (X, Y), num_draws=500)
    counts = 1 / 500 + 1 / DRAWS
    assert found.counts == (500, DRAWS)
    table = found.table
    np.testing.assert_allclose(table["mean_noise"], np.sqrt(counts), rtol=0.1)
    np.testing.assert_allclose(table["log_sd_noise"], np.sqrt(counts / 2), rtol=0.25)
    bridge = quad(lambda v: np.sqrt(norm.cdf(v) * norm.sf(v)), -9, 9)[0]
    expected = ABSOLUTE * np.sqrt(counts) * bridge
    np.testing.assert_allclose(table["wasserstein_noise"], expected, rtol=0.03)
    np.testing.assert_allclose(found.noise, expected, rtol=0.03)
    assert 0.3 * expected < found.wasserstein < 3 * expected
    assert "500 draws against 20,000" in str(found)


@pytest.mark.parametrize("engine", ENGINES)
def test_shifts_and_scales_are_measured_on_both_engines(engine: str, exact: Any) -> None:
    """A guide that is half as wide, and off by one deviation in the first entry."""
    shift = np.array([1.0, 0.0, 0.0])
    pair = lr.pair(engine, MEAN + shift * SPREAD, COVARIANCE / 4)
    found = posterior_error(pair, exact, (X, Y), num_draws=4000)
    table = found.table
    np.testing.assert_allclose(table["mean_error"], shift, atol=5.5 * np.sqrt(1 / 16e3 + 1 / DRAWS))
    np.testing.assert_allclose(table["log_sd_ratio"], -np.log(2), atol=5.5 / np.sqrt(6000))
    # |F - F'| of N(1, 1/4) and N(0, 1): E|1 + u / 2|, since quantiles differ by 1 - u / 2.
    first = quad(lambda u: abs(1 - u / 2) * norm.pdf(u), -9, 9)[0]
    expected = [first, ABSOLUTE / 2, ABSOLUTE / 2]
    np.testing.assert_allclose(table["wasserstein"], expected, atol=0.05)
    (site,) = found.sites.index
    assert site == "w"
    row = found.sites.loc["w"]
    np.testing.assert_allclose(row["mean_error"], np.sqrt((table["mean_error"] ** 2).mean()))
    np.testing.assert_allclose(row["wasserstein"], table["wasserstein"].mean())


def test_constant_entries_and_scalars() -> None:
    """A scalar site, and an entry that the reference holds at one value."""

    def guide(x: Any) -> None:
        pyro.sample("a", dist.Normal(0.0, 1.0))
        pyro.sample("b", dist.Normal(torch.zeros(2, 2), 1.0).to_event(2))

    def model(x: Any) -> None:
        guide(x)
        pyro.sample("x", dist.Normal(torch.zeros(3), 1.0).to_event(1), obs=x)

    random = np.random.default_rng(0)
    b = random.normal(size=(50, 2, 2))
    b[:, 0, 1] = 0.3
    x = np.zeros(3, np.float32)
    table = posterior_error((model, guide), {"a": random.normal(size=50), "b": b}, x).table
    assert list(table.index) == [("a", ()), ("b", (0, 0)), ("b", (1, 0)), ("b", (1, 1))]
    with pytest.raises(DataError, match="draws are all the same"):
        posterior_error((model, guide), {"a": np.ones(50)}, x)


def test_what_cannot_be_compared_is_refused_by_name(exact: Any) -> None:
    pair = lr.pair("pyro", MEAN, COVARIANCE)
    data = (X, Y)
    cases: list[tuple[Any, Any, type[Exception], str]] = [
        ({"v": exact["w"]}, data, DataError, "draws of 'v', but the pair's latents are 'w'"),
        ({"w": exact["w"][:, :2]}, data, DataError, r"shape \(2,\), but the pair's .* \(3,\)"),
        ({"w": exact["w"][:4, None]}, data, DataError, "the chains laid end to end"),
        ({"w": exact["w"][:3]}, data, DataError, "needs 4 draws or more"),
        ({"w": np.full((9, 3), np.nan)}, data, DataError, "all of them finite"),
        (exact["w"], data, ArgumentError, "mapping from site to draws"),
        ({}, data, ArgumentError, "mapping from site to draws"),
        (exact, None, ArgumentError, "x is needed"),
        (exact, (X, Y[:5]), DataError, "equally many rows"),
    ]
    for reference, x, kind, words in cases:
        with pytest.raises(kind, match=words):
            posterior_error(pair, reference, x)
    with pytest.raises(ArgumentError, match="num_draws must be at least 4"):
        posterior_error(pair, exact, data, num_draws=3)
    with pytest.raises(PairError, match="guide has no site for the model's latent 'w'"):
        posterior_error((lr.pyro_model, lambda x, y: None), exact, data, engine="pyro")
