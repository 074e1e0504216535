"""Values of the bounds: identities, order, upstream's own values, and the exact evidence."""

from __future__ import annotations

from typing import Any

import jax
import linear_gaussian as lg
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
from scoring import gradients

from inference import CIWAE, ELBO, IWAE, MIWAE, RLOO, VIMCO, Renyi
from inference.objectives import Objective, describe_objective, parse_objective
from ppl_models import create


def loss(engine: str, pair: Any, objective: Any, x: np.ndarray, seed: int = 0) -> float:
    """The loss of an objective of ours or of upstream's under one seed."""
    if engine == "pyro":
        pyro.set_rng_seed(seed)
        evaluate = objective if isinstance(objective, Objective) else objective.loss
        return float(torch.as_tensor(evaluate(pair.model, pair.guide, torch.tensor(x))).detach())
    svi = numpyro.infer.SVI(pair.model, pair.guide, optax.sgd(0.0), objective)
    state = svi.init(random.PRNGKey(seed), x)
    return float(svi.evaluate(state, x))


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("engine", ENGINES)
def test_iwae_of_one_particle_is_the_elbo_exactly(engine: str, row: str) -> None:
    pair = create(ROWS[row].model, engine=engine, **ROWS[row].hyperparameters)
    x = ROWS[row].batch(20)
    one, elbo = loss(engine, pair, IWAE(1), x), loss(engine, pair, ELBO(analytic_kl=False), x)
    assert one == elbo


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("num_particles", [1, 4])
@pytest.mark.parametrize("engine", ENGINES)
def test_elbo_agrees_with_upstream_under_one_seed(
    engine: str, num_particles: int, row: str
) -> None:
    pair = create(ROWS[row].model, engine=engine, **ROWS[row].hyperparameters)
    x = ROWS[row].batch(20)
    upstream = {
        "pyro": lambda k: pyro.infer.Trace_ELBO(k, vectorize_particles=k > 1, max_plate_nesting=1),
        "numpyro": numpyro.infer.Trace_ELBO,
    }[engine](num_particles)
    ours = ELBO(num_particles, analytic_kl=False)
    np.testing.assert_allclose(
        loss(engine, pair, ours, x), loss(engine, pair, upstream, x), rtol=2e-6
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_closed_form_divergence_agrees_with_upstream_under_one_seed(engine: str) -> None:
    row = ROWS["vae"]
    pair = create(row.model, engine=engine, **row.hyperparameters)
    x = row.batch(20)
    library = {"pyro": pyro, "numpyro": numpyro}[engine]
    upstream = loss(engine, pair, library.infer.TraceMeanField_ELBO(), x)
    for objective in (ELBO(), ELBO(analytic_kl=True)):
        np.testing.assert_allclose(loss(engine, pair, objective, x), upstream, rtol=2e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_bound_rises_with_particles_and_stays_below_the_evidence(engine: str) -> None:
    """400 values a bound. The gaps from 1 to 5 to 50 particles are hundreds of standard errors."""
    values = lg.parameters(4, 2)
    x = np.random.default_rng(5).normal(scale=1.5, size=(20, 4)).astype(np.float32)
    pair = create("ppca", engine=engine, data_dim=4, latent_dim=2)
    means, errors = [], []
    for num_particles in (1, 5, 50):
        _, losses = gradients(pair, IWAE(num_particles), (x,), 400, values=lg.single(values))
        means.append(-losses.mean())
        errors.append(losses.std() / 20)
    assert means[0] + 6 * errors[0] < means[1] - 6 * errors[1]
    assert means[1] + 6 * errors[1] < means[2] - 6 * errors[2]
    assert means[2] < lg.evidence(values, x)
    assert abs(means[0] - lg.elbo(values, x)) < 6 * errors[0]


@pytest.mark.parametrize("engine", ENGINES)
def test_two_particle_bound_is_that_of_quadrature(engine: str) -> None:
    """2,000 values; six standard errors fail by chance with probability 2e-9."""
    values = lg.parameters(3, 1)
    x = np.random.default_rng(5).normal(scale=1.5, size=(20, 3)).astype(np.float32)
    pair = create("ppca", engine=engine, data_dim=3, latent_dim=1)
    _, losses = gradients(pair, IWAE(2), (x,), 2000, values=lg.single(values))
    error = losses.std() / np.sqrt(len(losses))
    exact = lg.iwae(values, x, num_particles=2)
    assert abs(-losses.mean() - exact) < 6 * error
    assert abs(exact - lg.elbo(values, x)) > 60 * error  # the test can tell the two apart


@pytest.mark.parametrize(
    "objective",
    [ELBO(2), IWAE(3), MIWAE(2, 2), CIWAE(3, 0.5), Renyi(0.5, 3), RLOO(3), VIMCO(3)],
    ids=repr,
)
@pytest.mark.parametrize("engine", ENGINES)
def test_objectives_train_in_upstream_svi(engine: str, objective: Objective) -> None:
    row = ROWS["vae"]
    pair = create(row.model, engine=engine, **row.hyperparameters)
    x = row.batch(50)
    if engine == "pyro":
        pyro.set_rng_seed(0)
        optim = PyroAdam({"lr": 0.01})
        svi = pyro.infer.SVI(pair.model, pair.guide, optim, loss=objective)
        losses = [svi.step(torch.tensor(x)) for _ in range(100)]
    else:
        svi = numpyro.infer.SVI(pair.model, pair.guide, optax.adam(0.01), loss=objective)
        losses = svi.run(random.PRNGKey(0), 100, x, progress_bar=False).losses
    values = np.asarray(losses, dtype=np.float64)
    assert values[-10:].mean() < 0.95 * values[:10].mean()


@pytest.mark.parametrize(
    "objective",
    [
        ELBO(),
        ELBO(3, analytic_kl=False),
        IWAE(num_particles=5),
        MIWAE(4, 8),
        CIWAE(5, 0.05),
        Renyi(-0.5, 3),
        RLOO(4),
        VIMCO(5),
    ],
    ids=repr,
)
def test_string_form_goes_round(objective: Objective) -> None:
    assert repr(parse_objective(describe_objective(objective))) == repr(objective)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("iwea:num_particles=5", "Did you mean 'iwae'"),
        ("iwae", "num_particles"),
        ("iwae:num_particles", "keyword=value"),
        ("iwae:num_particles=0", "at least 1, got 0"),
        ("vimco:num_particles=1", "at least 2, got 1"),
        ("rloo:num_particles=1", "at least 2, got 1"),
        ("miwae:num_outer=0,num_particles=2", "num_outer must be a whole number of at least 1"),
        ("ciwae:num_particles=2,beta=2", r"beta must lie in \[0, 1\], got 2"),
        ("renyi:num_particles=2,alpha=x", "alpha must be a finite number, got 'x'"),
        ("iwae:num_particles=many", "got 'many'"),
        ("elbo:particles=2", "It takes: num_particles, analytic_kl"),
        ("elbo:analytic_kl=maybe", "True, False or 'auto', got 'maybe'"),
    ],
)
def test_wrong_strings_are_explained(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_objective(text)


def test_numpyro_step_is_the_same_compiled_or_not() -> None:
    row = ROWS["vae"]
    pair = create(row.model, engine="numpyro", **row.hyperparameters)
    svi = numpyro.infer.SVI(pair.model, pair.guide, optax.adam(0.01), IWAE(4))
    state = svi.init(random.PRNGKey(0), row.batch(10))
    plain = svi.update(state, row.batch(10))[1]
    np.testing.assert_allclose(jax.jit(svi.update)(state, row.batch(10))[1], plain, rtol=1e-6)
