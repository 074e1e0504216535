"""to_arviz against closed forms: PPCA (latents of a datum), linear regression (global ones)."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import linear_gaussian as lg
import linear_regression as lr
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import numpyro
import numpyro.distributions as ndist
import pyro
import pyro.distributions as pdist
import pytest
import torch
from numpyro.handlers import mask, scale
from placing import place
from pyro import poutine
from rows import ENGINES, ROWS
from scipy.stats import multivariate_normal, norm

from inference import ELBO, fit, to_arviz
from inference.engines import load_engine
from inference.engines.pyro import posterior_scores
from inference.errors import ObjectiveError, ZooError
from inference.posterior.arviz_library import load_arviz
from ppl_models import create

mpl.use("Agg")
az = load_arviz()
DRAWS = 500
X = np.random.default_rng(5).normal(scale=1.5, size=(6, 4)).astype(np.float32)
P = lg.parameters(4, 2)
WEIGHT, MEAN, NOISE = P["weight"], P["mean"], float(np.exp(P["log_noise"]))


def ppca(engine: str) -> Any:
    """With the exact posterior for its guide."""
    pair = create("ppca", engine=engine, data_dim=4, latent_dim=2, guide="exact")
    return place(pair, {n: P[n] for n in ("weight", "mean", "log_noise")}, (X,))


@pytest.fixture(scope="module")
def local() -> dict[str, Any]:
    return {engine: to_arviz(ppca(engine), X, num_draws=DRAWS, seed=3) for engine in ENGINES}


@pytest.fixture(scope="module")
def wide() -> dict[str, Any]:
    x, y = lr.data()
    pairs = {engine: lr.pair(engine, *lr.posterior(x, y)) for engine in ENGINES}
    return {e: to_arviz(pair, (x, y), num_draws=1000) for e, pair in pairs.items()}


def standard(z: Any, tests: int) -> None:
    """Standard normal numbers: mean and variance within 5.5 standard errors."""
    assert tests * 2 * norm.sf(5.5) < 1e-6
    assert abs(z.mean()) < 5.5 / np.sqrt(z.size)
    assert abs(z.var() - 1) < 5.5 * np.sqrt(2 / z.size)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_posterior_is_the_exact_conditional(engine: str, local: Any) -> None:
    """500 draws, 24 entries with both engines: false-failure rate under 2e-6."""
    precision = WEIGHT.T @ WEIGHT / NOISE**2 + np.eye(2)
    covariance = np.linalg.inv(precision)
    exact = (X - MEAN) @ WEIGHT @ covariance / NOISE**2
    z = local[engine].posterior["z"]
    assert z.dims == ("chain", "draw", "data", "z_dim_0")
    assert z.shape == (1, DRAWS, 6, 2)
    white = np.linalg.solve(np.linalg.cholesky(covariance), (z.values[0] - exact)[..., None])
    for n in range(6):
        standard(white[:, n, 0], 12)
        standard(white[:, n, 1], 12)


@pytest.mark.parametrize("engine", ENGINES)
def test_scores_of_the_draws(engine: str, local: Any) -> None:
    """With the exact posterior, every importance weight is the evidence of its datum."""
    data = local[engine]
    z = data.posterior["z"].values.astype(np.float64)
    log_likelihood = norm.logpdf(X, z @ WEIGHT.T + MEAN, NOISE).sum(-1)
    assert data.log_likelihood["x"].dims == ("chain", "draw", "data")
    np.testing.assert_allclose(data.log_likelihood["x"], log_likelihood, rtol=1e-4, atol=1e-4)
    joint = log_likelihood + norm.logpdf(z).sum(-1)
    assert data.sample_stats["lp"].dims == ("chain", "draw")
    np.testing.assert_allclose(data.sample_stats["lp"], joint.sum(-1), rtol=1e-4)
    evidence = [lg.evidence(P, row[None]) for row in X]
    assert data.sample_stats["log_weight"].dims == ("chain", "draw", "data")
    np.testing.assert_allclose(
        data.sample_stats["log_weight"], np.broadcast_to(evidence, (1, DRAWS, 6)), atol=2e-3
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_predictive_draws_belong_to_their_latents(engine: str, local: Any) -> None:
    """12,000 residuals and 6,000 prior latents per engine; false-failure rate under 1e-6."""
    data = local[engine]
    for latents, made in (("posterior", "posterior_predictive"), ("prior", "prior_predictive")):
        z, x = data[latents]["z"].values, data[made]["x"].values
        assert x.shape == (1, DRAWS, 6, 4)
        standard((x - z @ WEIGHT.T - MEAN) / NOISE, 4)
    standard(data.prior["z"].values, 4)
    np.testing.assert_array_equal(data.observed_data["x"], X)


def test_engines_agree_on_names_and_shapes(local: Any, wide: Any, tmp_path: Any) -> None:
    for by_engine in (local, wide):
        ours, theirs = (by_engine[engine] for engine in ENGINES)
        assert ours.groups() == theirs.groups()
        for group in ours.groups():
            assert dict(ours[group].sizes) == dict(theirs[group].sizes)
            assert {n: v.dims for n, v in ours[group].items()} == {
                n: v.dims for n, v in theirs[group].items()
            }
            assert {n: list(v.values) for n, v in ours[group].coords.items()} == {
                n: list(v.values) for n, v in theirs[group].coords.items()
            }
    for engine, data in local.items():
        assert list(data.posterior.coords["data"].values) == list(range(6))
        assert data.posterior.attrs["engine"] == engine
        assert data.posterior.attrs["data"] == local["pyro"].posterior.attrs["data"]
    data = local["numpyro"]
    data.to_netcdf(tmp_path / "draws.nc")
    again = az.from_netcdf(tmp_path / "draws.nc")
    np.testing.assert_array_equal(again.posterior["z"], data.posterior["z"])
    assert again.posterior.attrs["versions"] == data.posterior.attrs["versions"]


@pytest.mark.filterwarnings("ignore:Passing a dict")  # matplotlib 3.11 to ArviZ
def test_tables_and_plots_work(local: Any) -> None:
    data = local["numpyro"]
    table = az.summary(data, kind="stats", round_to="none")
    np.testing.assert_allclose(
        table["mean"].to_numpy(), data.posterior["z"].values.mean((0, 1)).ravel(), rtol=1e-5
    )
    assert list(table.index[:3]) == ["z[0, 0]", "z[0, 1]", "z[1, 0]"]
    few = {"data": [0, 1]}
    az.plot_trace(data, coords=few)
    az.plot_posterior(data, coords={"data": [0], "z_dim_0": [0]})
    az.plot_ppc(data, num_pp_samples=5, random_seed=0)
    az.plot_ppc(data, group="prior", num_pp_samples=5, random_seed=0)
    plt.close("all")
    with pytest.warns(UserWarning, match="Estimated shape parameter of Pareto"):
        az.loo(data)  # latents of a datum are not known without it: see the docstring


@pytest.mark.parametrize("engine", ENGINES)
def test_global_latents(engine: str, wide: Any) -> None:
    """Leave-one-out densities in closed form; PSIS on 1,000 draws is off by a few hundredths."""
    x, y = lr.data()
    data = wide[engine]
    w = data.posterior["w"]
    assert w.dims == ("chain", "draw", "w_dim_0")
    scored = data.log_likelihood["y"]
    assert scored.dims == ("chain", "draw", "data")
    expected = norm.logpdf(y, w.values.astype(np.float64) @ x.T, lr.NOISE)
    np.testing.assert_allclose(scored, expected, rtol=1e-3, atol=1e-4)
    covariance = np.eye(lr.ROWS) * lr.NOISE**2 + x.astype(np.float64) @ x.T
    evidence = multivariate_normal.logpdf(y, np.zeros(lr.ROWS), covariance)
    assert data.sample_stats["log_weight"].dims == ("chain", "draw")
    np.testing.assert_allclose(data.sample_stats["log_weight"], evidence, atol=0.01)
    exact = []
    for n in range(lr.ROWS):
        rest = np.arange(lr.ROWS) != n
        mean, spread = lr.posterior(x[rest], y[rest])
        deviation = np.sqrt(lr.NOISE**2 + x[n] @ spread @ x[n])
        exact.append(norm.logpdf(y[n], x[n] @ mean, deviation))
    loo = az.loo(data, pointwise=True)
    np.testing.assert_allclose(loo.loo_i, exact, atol=0.1)


def pixels(engine: str) -> tuple[Any, Any]:
    """Columns in a plate of their own, all counting half and the third not at all; an offset."""
    if engine == "pyro":
        keep: Any = torch.tensor([True, True, False, True])

        def model(x: Any = None, offset: Any = None, *, size=1):
            rows = size if x is None else len(x)
            with pyro.plate("data", rows, dim=-2):
                z = pyro.sample("z", pdist.Normal(torch.zeros(rows, 1), 1.0))
                mean = pyro.deterministic("mean", 2 * z + offset, event_dim=0)
                columns, half = pyro.plate("pixels", 4, dim=-1), poutine.scale(scale=0.5)
                with columns, half, poutine.mask(mask=keep):
                    pyro.sample("x", pdist.Normal(mean, 0.01), obs=x)
            return mean

        def guide(x, offset):
            with pyro.plate("data", len(x), dim=-2):
                pyro.sample("z", pdist.Normal(x.mean(1, keepdim=True), 0.1))

        return model, guide
    keep = np.array([True, True, False, True])

    def jax_model(x: Any = None, offset: Any = None, *, size=1):
        rows = size if x is None else len(x)
        with numpyro.plate("data", rows, dim=-2):
            z = numpyro.sample("z", ndist.Normal(np.zeros((rows, 1)), 1.0))
            mean = numpyro.deterministic("mean", 2 * z + offset)
            with numpyro.plate("pixels", 4, dim=-1), scale(scale=0.5), mask(mask=keep):
                numpyro.sample("x", ndist.Normal(mean, 0.01), obs=x)
        return mean

    def jax_guide(x, offset):
        with numpyro.plate("data", len(x), dim=-2):
            numpyro.sample("z", ndist.Normal(x.mean(1, keepdims=True), 0.1))

    return jax_model, jax_guide


@pytest.mark.parametrize("engine", ENGINES)
def test_a_datum_is_a_cell_of_the_plates_that_all_share(engine: str) -> None:
    """Masks count in the pointwise log-likelihood, handlers' scales only in the joint density."""
    offset = 10.0 * np.arange(6, dtype=np.float32)[:, None]
    data: Any = to_arviz(pixels(engine), (X, offset), num_draws=5)
    z = data.posterior["z"].values.astype(np.float64)
    each = np.delete(norm.logpdf(X, 2 * z + offset, 0.01), 2, axis=-1).sum(-1)
    assert set(data.log_likelihood) == {"x"}
    assert data.log_likelihood["x"].dims == ("chain", "draw", "data")
    np.testing.assert_allclose(data.log_likelihood["x"], each, rtol=1e-3)
    joint = 0.5 * each + norm.logpdf(z)[..., 0]
    np.testing.assert_allclose(data.sample_stats["lp"], joint.sum(-1), rtol=1e-3)
    made = data.posterior_predictive["x"]
    assert made.dims == ("chain", "draw", "data", "pixels")
    assert abs(made.values - 2 * z - offset).max() < 0.06  # six deviations
    made = data.prior_predictive["x"].values - 2 * data.prior["z"].values - offset
    assert abs(made).max() < 0.06


def test_a_site_with_the_name_of_a_dimension_is_kept() -> None:
    """ArviZ takes such a variable for a coordinate, and leaves out the group."""

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("draw", pdist.Normal(torch.zeros(3), 1.0).to_event(1))
            first = pyro.sample("draw_dim_0", pdist.Normal(z[:, 0], 1.0))
            pyro.sample("chain", pdist.Normal(first, 1.0), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("draw", pdist.Normal(torch.zeros(3), 0.1).to_event(1))
            pyro.sample("draw_dim_0", pdist.Normal(x / 2, 0.1))

    data: Any = to_arviz((model, guide), X[:, 0], num_draws=5)
    assert data.posterior["draw_site"].dims == ("chain", "draw", "data", "draw_dim_0")
    assert data.posterior["draw_dim_0_site"].dims == ("chain", "draw", "data")
    for group in (data.observed_data, data.log_likelihood, data.posterior_predictive):
        assert list(group) == ["chain_site"]


@pytest.mark.parametrize("name", [n for n in sorted(ROWS) if "pyro" in ROWS[n].engines])
def test_pairs_of_the_zoo_with_all_that_they_take(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Pyro, where nothing has to be compiled; draws come in parts, as 500 of them do."""
    monkeypatch.setattr(posterior_scores, "_AT_ONCE", 2 * 5)
    row = ROWS[name]
    batch = row.batch(5)
    pair = create(row.model, engine="pyro", **row.hyperparameters)
    sites = load_engine("pyro").structure(pair, batch).model.values()
    if not all(site.normalised or site.training_only for site in sites):
        with pytest.raises(ObjectiveError, match="known up to a constant"):
            to_arviz(pair, batch, num_draws=4)
        return
    data: Any = to_arviz(pair, batch, num_draws=4)
    computes = row.model == "conditional_network"  # its features, in a deterministic statement
    assert ("posterior" in data.groups()) == (row.latent or computes)
    for site, observed in data.observed_data.items():
        assert data.log_likelihood[site].shape == (1, 4, 5)
        assert data.posterior_predictive[site].shape == (1, 4, *observed.shape)
        assert np.isfinite(data.log_likelihood[site]).all()
    weights = (1, 4) if row.shared else (1, 4, 5)
    assert data.sample_stats["log_weight"].shape == weights
    np.testing.assert_allclose(
        data.observed_data["x"].values.reshape(5, -1), batch[0].reshape(5, -1)
    )


def test_a_run_says_what_it_was() -> None:
    pair = create("ppca", engine="pyro", data_dim=4, latent_dim=2)
    run = fit(pair, X, objective=ELBO(num_particles=2), steps=2, progress=False)
    data: Any = run.to_arviz(X[:3], num_draws=2, seed=1)
    assert data.posterior.attrs["objective"] == "elbo:num_particles=2"
    assert data.posterior.attrs["trained_on"] == run.spec["data"]["id"]
    again: Any = run.to_arviz(X[:3], num_draws=2, seed=1)
    np.testing.assert_array_equal(data.posterior["z"], again.posterior["z"])
    other: Any = run.to_arviz(X[:3], num_draws=2, seed=2)
    assert (data.posterior["z"] != other.posterior["z"]).all()


def subsampled(engine: str) -> tuple[Any, Any]:
    if engine == "pyro":

        def model(x):
            with pyro.plate("rows", len(x), subsample_size=2) as index:
                z = pyro.sample("z", pdist.Normal(torch.zeros(2), 1.0))
                pyro.sample("x", pdist.Normal(z[..., None], 1.0).to_event(1), obs=x[index])

        def guide(x):
            with pyro.plate("rows", len(x), subsample_size=2):
                pyro.sample("z", pdist.Normal(torch.zeros(2), 1.0))

        return model, guide

    def jax_model(x):
        with numpyro.plate("rows", len(x), subsample_size=2) as index:
            z: Any = numpyro.sample("z", ndist.Normal(np.zeros(2), 1.0))
            numpyro.sample("x", ndist.Normal(z[..., None], 1.0).to_event(1), obs=x[index])

    def jax_guide(x):
        with numpyro.plate("rows", len(x), subsample_size=2):
            numpyro.sample("z", ndist.Normal(np.zeros(2), 1.0))

    return jax_model, jax_guide


@pytest.mark.parametrize("engine", ENGINES)
def test_what_cannot_be_done_is_refused_by_name(engine: str) -> None:
    with pytest.raises(ObjectiveError, match=r"plate 'rows' around site .* takes 2 of 6"):
        to_arviz(subsampled(engine), X)
    whole = ppca(engine)
    arguments: list[tuple[dict[str, Any], str]] = [
        ({"pair": 3}, "pair must be a pair"),
        ({"x": X[:, :2]}, r"shape \(N, 4\) for this pair, got \(6, 2\)"),
        ({"x": np.where(X > 2, np.nan, X)}, "NaN or infinite"),
        ({"num_draws": 0}, "num_draws must be a whole number of at least 1"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"pair": SimpleNamespace(model=whole.model, guide=lambda x: None, engine=engine)}, "'z'"),
    ]
    for changed, words in arguments:
        with pytest.raises(ZooError, match=words) as caught:
            to_arviz(**{"pair": whole, "x": X, **changed})
        assert "\n" not in str(caught.value)


def test_nothing_warns_of_the_library_itself() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_arviz().__name__ == "arviz"
