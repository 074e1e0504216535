"""Properties that every pair of the zoo has, once over the registry; parity of the engines."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
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
from rows import ENGINES, PLACES, ROWS
from scipy.stats import multivariate_normal
from scoring import drawn_latents, kernel_names, log_densities, numpyro_site_params

from inference import ELBO, fit, load_run, valid_objectives
from inference.engines import load_engine
from inference.engines.numpyro.pairs import StoredPair
from inference.engines.numpyro.parameters import parameters
from inference.engines.pyro.parameters import rebuild
from inference.objectives.registry import examples
from ppl_models import create

CHECKED: set[tuple[str, str]] = set()
OBJECTIVES = {type(objective).__name__: objective for objective in examples()}
EXECUTED = ("IWAE", "DReG", "NVIL", "RWS", "WakeSleep", "Concrete", "Adversarial")
COMPILED = ("vae", "sigmoid_belief", "semi_supervised_vae")  # one of each kind of latents
FIRST = list({row.model: name for name, row in reversed(ROWS.items())}.values())
SCORED = 6  # rows: the same in all tests, so that what scores them is compiled once
ALIKE = [name for name, row in ROWS.items() if not row.parity]


def build(row: str, engine: str, **more: Any) -> Any:
    CHECKED.add((row, engine))
    return create(ROWS[row].model, engine=engine, **{**ROWS[row].hyperparameters, **more})


@functools.cache
def latents_of(row: str) -> dict[str, np.ndarray]:
    """One draw for the rows that are scored."""
    return drawn_latents(build(row, ROWS[row].engines[-1]), ROWS[row].batch(SCORED))


@functools.cache  # nothing trains them
def twins(row: str) -> tuple[Any, Any, tuple[np.ndarray, ...]]:
    """A NumPyro pair moved away from its start, and a Pyro pair with the same parameters."""
    batch = ROWS[row].batch(SCORED)
    ours = build(row, "numpyro")
    away = np.random.default_rng(1)
    moved = jax.tree.map(
        lambda value: jax.numpy.asarray(
            value + np.float32(0.1) * away.normal(size=value.shape).astype(np.float32)
        ),
        jax.device_get(numpyro_site_params(ours, batch)),
    )
    fitted, theirs = StoredPair(ours, moved), build(row, "pyro")
    values = {name: value.numpy() for name, value in theirs.named_buffers()}
    values |= kernel_names(parameters(fitted))
    return fitted, rebuild(theirs, values, batch), batch


@pytest.mark.parametrize("row", ALIKE)
def test_engines_agree_to_five_digits_per_datum(row: str) -> None:
    ours, theirs, batch = twins(row)
    z = drawn_latents(ours, batch)
    assert bool(z) == ROWS[row].latent
    for a, b in zip(log_densities(ours, batch, z), log_densities(theirs, batch, z), strict=True):
        assert a.shape == b.shape == (len(batch[0]),)
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("row", ALIKE)
def test_engines_start_from_parameters_of_the_same_names_and_sizes(row: str) -> None:
    ours, theirs, _ = twins(row)
    own = {name: value.shape for name, value in kernel_names(parameters(ours)).items()}
    assert own == {n: v.shape for n, v in load_engine("pyro").parameters(theirs).items()}


@pytest.mark.parametrize("row", [name for name, row in ROWS.items() if row.model == "ppca"])
def test_engines_agree_on_the_exact_evidence(row: str) -> None:
    ours, theirs, (x,) = twins(row)
    values = parameters(ours)
    weight = values["weight"].astype(np.float64)
    covariance = weight @ weight.T + np.exp(2 * float(values["log_noise"])) * np.eye(len(weight))
    exact = multivariate_normal(values["mean"].astype(np.float64), covariance).logpdf(x)
    for pair in (ours, theirs):
        evidence = load_engine(pair.engine).log_evidence(pair, x)
        np.testing.assert_allclose(evidence, exact, rtol=1e-5)
        if pair.exact_guide:  # Bayes' rule at any z
            log_p, log_q = log_densities(pair, (x,), drawn_latents(ours, (x,)))
            np.testing.assert_allclose(log_p - log_q, exact, rtol=1e-4)


@pytest.mark.parametrize(("engine", "row"), PLACES)
def test_what_is_drawn_can_be_scored(engine: str, row: str) -> None:
    backend, pair = load_engine(engine), build(row, engine)
    given = ROWS[row].batch(5)[1:]
    means, draws = backend.draw(pair, 5, 0, *given)
    assert draws.shape == (5, *pair.data_shape)
    pair.check_batch(draws, *given)
    sites = backend.structure(pair, (draws, *given))
    assert (means is None) == sites.model["x"].sequential  # whose mean depends on its own draw
    if means is not None:
        assert means.shape == draws.shape
        assert np.isfinite(means).all()
    sites.check_match(summed=[site.name for site in sites.latents if site.family])
    latents = backend.encode(pair, draws, *given, rng_seed=0, num_draws=3)
    assert bool(latents) == ROWS[row].latent
    for name, value in latents.items():
        rows = () if name in ROWS[row].shared else (5,)
        assert value.shape == (*rows, *sites.model[name].event_shape)
    if latents:
        decoded = backend.decode(pair, latents, 0, *given, size=5)
        assert decoded.shape == (5, *pair.data_shape)
    again = backend.draw(pair, 5, 0, *given)
    np.testing.assert_array_equal(again[1], draws)
    assert (backend.draw(pair, 5, 1, *given)[1] != draws).any()


@pytest.mark.parametrize(("engine", "row"), [p for p in PLACES if not ROWS[p[1]].mixes])
def test_rows_of_a_batch_do_not_see_each_other(engine: str, row: str) -> None:
    pair, batch, z = build(row, engine), ROWS[row].batch(SCORED), latents_of(row)
    order = np.random.default_rng(3).permutation(SCORED)

    def at(rows: Any) -> dict[str, np.ndarray]:
        return {n: v if n in ROWS[row].shared else v[rows] for n, v in z.items()}

    whole = log_densities(pair, batch, z)
    shuffled = log_densities(pair, tuple(array[order] for array in batch), at(order))
    for own, moved in zip(whole, shuffled, strict=True):
        np.testing.assert_allclose(own[order], moved, rtol=1e-5, atol=1e-5)
    one = log_densities(pair, tuple(a[:1] for a in batch), at(slice(1)))
    np.testing.assert_allclose(one[0], whole[0][:1], rtol=1e-5)


def initial(pair: Any, batch: tuple[np.ndarray, ...]) -> dict[str, np.ndarray]:
    """A pair's parameters before training, under the names that a run gives them."""
    if pair.engine == "numpyro":
        return parameters(StoredPair(pair, numpyro_site_params(pair, batch)))
    return {name: value.detach().numpy().copy() for name, value in pair.named_parameters()}


@pytest.mark.parametrize(("engine", "row"), PLACES)
def test_every_parameter_learns_and_comes_back_from_a_folder(
    engine: str, row: str, tmp_path: Path
) -> None:
    pair, batch = build(row, engine), ROWS[row].batch(64)
    valid = valid_objectives(pair, *batch).valid
    name = next(name for name in ("ELBO", "Enumerated", "NVIL", "CD", "Denoising") if name in valid)
    before = initial(pair, batch)
    run = fit(
        pair,
        batch,
        objective=OBJECTIVES[name],
        steps=20,
        learning_rate=0.05,
        progress=False,
        out=tmp_path / "run",
    )
    back = load_run(tmp_path / "run")
    assert before.keys() == run.parameters.keys() == back.parameters.keys()
    for name, value in run.parameters.items():
        assert not np.allclose(before[name], value, atol=1e-4), name
        np.testing.assert_array_equal(back.parameters[name], value)
    scored, z = ROWS[row].batch(SCORED), latents_of(row)
    for one, other in zip(
        log_densities(run.pair, scored, z), log_densities(back.pair, scored, z), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("engine", "row"), [p for p in PLACES if p[1] in FIRST])
def test_every_valid_objective_takes_a_step(engine: str, row: str) -> None:
    """On the zoo's own pairs, nothing that is called valid fails or gives a number that is none.

    On NumPyro each step is traced; one objective of each way to a gradient is compiled and run on
    a few models, as compiling all would take most of the suite's time.
    """
    pair, batch = build(row, engine), ROWS[row].batch(8)
    found = valid_objectives(pair, *batch)
    assert found.valid
    assert all(found.refused.values())
    starts: dict[Any, Any] = {}
    for name in found.valid:
        objective = OBJECTIVES[name]
        if ROWS[row].shared and not objective.uses_guide:
            continue  # where all that is learnt is latent, a generator has nothing to learn
        compiled = name in EXECUTED and ROWS[row].model in COMPILED
        if engine == "numpyro" and not compiled:
            svi = numpyro.infer.SVI(
                *objective.attach(pair.model, pair.guide), optax.sgd(0.1), loss=objective
            )
            own = objective if objective.owns or objective.keeps else None  # else a start of all
            if own not in starts:
                state = jax.eval_shape(lambda svi=svi: svi.init(random.PRNGKey(0), *batch))
                starts[own] = state, svi.constrain_fn
            state, svi.constrain_fn = starts[own]
            assert jax.eval_shape(svi.update, state, *batch)[1].shape == ()
            continue
        run = fit(pair, batch, objective=objective, steps=1, progress=False)
        assert np.isfinite(run.rows[-1]["loss"]), name


@pytest.mark.parametrize(("engine", "row"), PLACES)
def test_the_seed_decides_the_start(engine: str, row: str) -> None:
    batch, z = ROWS[row].batch(SCORED), latents_of(row)
    scores = []
    for seed in (0, 0, 1):
        log_p, log_q = log_densities(build(row, engine, seed=seed), batch, z)
        # A guide that is a point has a density at its own value alone.
        scores.append(log_p + np.where(np.isfinite(log_q), log_q, 0))
    np.testing.assert_array_equal(scores[0], scores[1])
    several = slice(4)  # a series of one step, as comes later, has the same start under all seeds
    assert np.all(scores[0][several] != scores[2][several])


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("engine", ENGINES)
def test_bias_from_the_data_mean(engine: str, likelihood: str) -> None:
    mean = np.linspace(0, 1, 12)
    pair = create("vae", engine=engine, data_dim=12, likelihood=likelihood, data_mean=mean)
    zeros = {"z": np.zeros((2, 50), dtype=np.float32)}
    decoded = load_engine(engine).decode(pair, zeros, size=2)[0]
    expected = np.clip(mean, 0.001, 0.999) if likelihood == "bernoulli" else mean
    np.testing.assert_allclose(decoded, expected, atol=1e-5)


def test_two_pyro_pairs_never_share_parameters() -> None:
    """Also under Pyro's own SVI with its one global store; a copy is a pair of its own."""
    pyro.clear_param_store()
    x = torch.tensor(ROWS["vae"].batch(20)[0])
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
    (x,) = ROWS["vae"].batch(20)
    pairs = [build("vae", "numpyro", seed=s) for s in (0, 0)]
    svi = [numpyro.infer.SVI(p.model, p.guide, optax.adam(0.1), ELBO()) for p in pairs]
    trained = svi[0].run(random.PRNGKey(0), 5, x, progress_bar=False).params
    fresh = svi[1].get_params(svi[1].init(random.PRNGKey(0), x))
    leaves = zip(jax.tree.leaves(trained), jax.tree.leaves(fresh), strict=True)
    assert all((np.asarray(a) != np.asarray(b)).any() for a, b in leaves)


def test_every_row_was_checked_on_its_engines() -> None:
    """Runs last in this file; under xdist a worker may have run only a part of it."""
    if len(CHECKED) < len(PLACES):
        pytest.skip(f"this process checked {len(CHECKED)} of {len(PLACES)} rows and engines")
    assert set(PLACES) == {(engine, row) for row, engine in CHECKED}
