"""Properties that every pair of the zoo has, once over the registry; parity of the engines."""

from __future__ import annotations

import copy
from typing import Any

import jax
import numpy as np
import numpyro
import optax
import pyro
import pyro.infer
import pytest
import torch
from jax import random
from pyro.optim import Adam as PyroAdam  # pyright: ignore[reportAttributeAccessIssue]
from rows import ENGINES, ROWS
from scipy.stats import multivariate_normal
from scoring import kernel_names, log_densities, numpyro_site_params

from inference import ELBO, fit
from inference.engines import load_engine
from inference.engines.numpyro.pairs import StoredPair, parameters
from inference.engines.pyro.pairs import rebuild
from ppl_models import create

CHECKED: set[tuple[str, str]] = set()


def build(row: str, engine: str, **more: Any) -> Any:
    CHECKED.add((row, engine))
    return create(ROWS[row].model, engine=engine, **{**ROWS[row].hyperparameters, **more})


def twins(row: str) -> tuple[Any, Any, np.ndarray]:
    """A NumPyro pair moved away from its start, and a Pyro pair with the same parameters."""
    x = ROWS[row].batch(7)
    ours = build(row, "numpyro")
    keys = iter(random.split(random.PRNGKey(1), 100))
    moved = jax.tree.map(
        lambda value: value + 0.1 * random.normal(next(keys), value.shape),
        numpyro_site_params(ours, x),
    )
    fitted = StoredPair(ours, moved)
    values = kernel_names(parameters(fitted))
    return fitted, rebuild(build(row, "pyro"), values, (x,)), x


@pytest.mark.parametrize("row", ROWS)
def test_engines_agree_to_five_digits_per_datum(row: str) -> None:
    ours, theirs, x = twins(row)
    z = {"z": np.random.default_rng(2).normal(size=(len(x), 3)).astype(np.float32)}
    for a, b in zip(log_densities(ours, x, z), log_densities(theirs, x, z), strict=True):
        assert a.shape == b.shape == (len(x),)
        np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize("row", ROWS)
def test_engines_start_from_parameters_of_the_same_names_and_sizes(row: str) -> None:
    ours, theirs, _ = twins(row)
    own = {name: value.shape for name, value in kernel_names(parameters(ours)).items()}
    assert own == {n: v.shape for n, v in load_engine("pyro").parameters(theirs).items()}


@pytest.mark.parametrize("row", [name for name, row in ROWS.items() if row.model == "ppca"])
def test_engines_agree_on_the_exact_evidence(row: str) -> None:
    ours, theirs, x = twins(row)
    values = parameters(ours)
    weight = values["weight"].astype(np.float64)
    covariance = weight @ weight.T + np.exp(2 * float(values["log_noise"])) * np.eye(len(weight))
    exact = multivariate_normal(values["mean"].astype(np.float64), covariance).logpdf(x)
    for pair in (ours, theirs):
        evidence = load_engine(pair.engine).log_evidence(pair, x)
        np.testing.assert_allclose(evidence, exact, rtol=1e-5)
        if pair.exact_guide:  # Bayes' rule at any z
            z = {"z": np.random.default_rng(2).normal(size=(len(x), 3)).astype(np.float32)}
            log_p, log_q = log_densities(pair, x, z)
            np.testing.assert_allclose(log_p - log_q, exact, rtol=1e-4)


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_drawn_can_be_scored(engine: str, row: str) -> None:
    backend, pair = load_engine(engine), build(row, engine)
    means, draws = backend.draw(pair, 5, 0)
    assert means.shape == draws.shape == (5, pair.data_dim)
    assert np.isfinite(means).all()
    latents = backend.encode(pair, draws)
    assert latents["z"].shape == (5, pair.latent_dim)
    assert backend.decode(pair, latents).shape == (5, pair.data_dim)
    again = backend.draw(pair, 5, 0)
    np.testing.assert_array_equal(again[1], draws)
    assert (backend.draw(pair, 5, 1)[1] != draws).any()


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("engine", ENGINES)
def test_rows_of_a_batch_do_not_see_each_other(engine: str, row: str) -> None:
    pair, x = build(row, engine), ROWS[row].batch(6)
    z = {"z": np.random.default_rng(2).normal(size=(6, 3)).astype(np.float32)}
    order = np.random.default_rng(3).permutation(6)
    shuffled = log_densities(pair, x[order], {"z": z["z"][order]})
    for whole, moved in zip(log_densities(pair, x, z), shuffled, strict=True):
        np.testing.assert_allclose(whole[order], moved, rtol=1e-5)
    one = log_densities(pair, x[:1], {"z": z["z"][:1]})
    np.testing.assert_allclose(one[0], log_densities(pair, x, z)[0][:1], rtol=1e-5)


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_parameter_learns(engine: str, row: str) -> None:
    pair, x = build(row, engine), ROWS[row].batch(64)
    before = fit(pair, x, steps=1, learning_rate=1e-12, progress=False).parameters
    after = fit(pair, x, steps=20, learning_rate=0.05, progress=False).parameters
    assert before.keys() == after.keys()
    assert not [name for name in before if np.allclose(before[name], after[name], atol=1e-4)]


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_seed_decides_the_start(engine: str, row: str) -> None:
    x = ROWS[row].batch(4)
    z = {"z": np.ones((4, 3), dtype=np.float32)}
    scores = [log_densities(build(row, engine, seed=s), x, z)[0] for s in (0, 0, 1)]
    np.testing.assert_array_equal(scores[0], scores[1])
    assert (scores[0] != scores[2]).all()


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("engine", ENGINES)
def test_bias_from_the_data_mean(engine: str, likelihood: str) -> None:
    mean = np.linspace(0, 1, 12)
    pair = create("vae", engine=engine, data_dim=12, likelihood=likelihood, data_mean=mean)
    zeros = {"z": np.zeros((2, 50), dtype=np.float32)}
    decoded = load_engine(engine).decode(pair, zeros)[0]
    expected = np.clip(mean, 0.001, 0.999) if likelihood == "bernoulli" else mean
    np.testing.assert_allclose(decoded, expected, atol=1e-5)


def test_two_pyro_pairs_never_share_parameters() -> None:
    """Also under Pyro's own SVI with its one global store; a copy is a pair of its own."""
    pyro.clear_param_store()
    x = torch.tensor(ROWS["vae"].batch(20))
    first, second = build("vae", "pyro", seed=0), build("vae", "pyro", seed=1)
    third = copy.deepcopy(first)
    untouched = [value.clone() for pair in (second, third) for value in pair.parameters()]
    for pair in (second, third):
        ELBO()(pair.model, pair.guide, x)
    svi = pyro.infer.SVI(first.model, first.guide, PyroAdam({"lr": 0.1}), loss=ELBO())
    svi.step(x)
    kept = [value for pair in (second, third) for value in pair.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(untouched, kept, strict=True))
    changed = zip(first.parameters(), third.parameters(), strict=True)
    assert all(not torch.equal(a, b) for a, b in changed)
    pyro.clear_param_store()


def test_numpyro_pairs_run_under_stock_svi_with_other_pairs() -> None:
    x = ROWS["vae"].batch(20)
    pairs = [build("vae", "numpyro", seed=s) for s in (0, 0)]
    svi = [numpyro.infer.SVI(p.model, p.guide, optax.adam(0.1), ELBO()) for p in pairs]
    trained = svi[0].run(random.PRNGKey(0), 5, x, progress_bar=False).params
    fresh = svi[1].get_params(svi[1].init(random.PRNGKey(0), x))
    leaves = zip(jax.tree.leaves(trained), jax.tree.leaves(fresh), strict=True)
    assert all((np.asarray(a) != np.asarray(b)).any() for a, b in leaves)


def test_every_row_was_checked_on_both_engines() -> None:
    """Runs last in this file; under xdist a worker may have run only a part of it."""
    if len(CHECKED) < 2 * len(ROWS):
        pytest.skip(f"this process checked {len(CHECKED)} of {2 * len(ROWS)} rows and engines")
    assert len(CHECKED) == 2 * len(ROWS)
