"""Values of the bounds: identities, order, upstream's own values, and the exact evidence."""

from __future__ import annotations

import functools
from typing import Any

import jax
import linear_gaussian as lg
import numpy as np
import numpyro
import optax
import pyro
import pyro.infer
import pytest
import tiny_belief_net as tb
import torch
from jax import random
from objective_rows import examples_for, valid
from pyro.optim import Adam as PyroAdam  # pyright: ignore[reportAttributeAccessIssue]
from rows import ENGINES, ROWS
from scoring import Arrays, gradients

from inference.estimators.certificate.cases import CASES
from inference.objectives import (
    CIWAE,
    ELBO,
    IWAE,
    MIWAE,
    NVIL,
    PIWAE,
    REBAR,
    RELAX,
    RLOO,
    RWS,
    STL,
    VIMCO,
    ChiSquare,
    Concrete,
    DisARM,
    DReG,
    Enumerated,
    Objective,
    Renyi,
    TailAdaptive,
    WakeSleep,
    describe_objective,
    parse_objective,
)
from inference.objectives.registry import examples
from ppl_models import create

EXAMPLES = examples()
PLAIN = [
    name
    for name, row in ROWS.items()
    if row.model in ("ppca", "vae") and "latent" not in row.hyperparameters  # Gaussian latents
]


def loss(engine: str, pair: Any, objective: Any, x: np.ndarray, seed: int = 0) -> float:
    """The loss of an objective of ours or of upstream's under one seed."""
    if engine == "pyro":
        pyro.set_rng_seed(seed)
        evaluate = objective if isinstance(objective, Objective) else objective.loss
        return float(torch.as_tensor(evaluate(pair.model, pair.guide, torch.tensor(x))).detach())
    svi = numpyro.infer.SVI(pair.model, pair.guide, optax.sgd(0.0), objective)
    state = svi.init(random.PRNGKey(seed), x)
    return float(svi.evaluate(state, x))


@pytest.mark.parametrize("row", PLAIN)
@pytest.mark.parametrize("engine", ENGINES)
def test_iwae_of_one_particle_is_the_elbo_exactly(engine: str, row: str) -> None:
    pair = create(ROWS[row].model, engine=engine, **ROWS[row].hyperparameters)
    (x,) = ROWS[row].batch(20)
    one, elbo = loss(engine, pair, IWAE(1), x), loss(engine, pair, ELBO(analytic_kl=False), x)
    assert one == elbo


@pytest.mark.parametrize("row", PLAIN)
@pytest.mark.parametrize("num_particles", [1, 4])
@pytest.mark.parametrize("engine", ENGINES)
def test_elbo_agrees_with_upstream_under_one_seed(
    engine: str, num_particles: int, row: str
) -> None:
    pair = create(ROWS[row].model, engine=engine, **ROWS[row].hyperparameters)
    (x,) = ROWS[row].batch(20)
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
    (x,) = row.batch(20)
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


DISCRETE = examples_for("bernoulli")
PATHWISE = [
    each
    for each in examples_for("reparameterised")
    if isinstance(each, ELBO) or type(each).__name__ not in valid("bernoulli")
]


@pytest.mark.parametrize(
    ("program", "objective"),
    [*(("vae", o) for o in PATHWISE), *(("belief net", o) for o in DISCRETE)],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
@pytest.mark.parametrize("engine", ENGINES)
def test_objectives_train_in_upstream_svi(engine: str, program: str, objective: Objective) -> None:
    row = ROWS["vae"]
    if program == "vae":
        pair, (x,) = create(row.model, engine=engine, **row.hyperparameters), row.batch(50)
    else:
        pair, x = tb.pair(engine, tb.parameters()), tb.data(50).astype(np.float32)
    if engine == "pyro":
        with pyro.get_param_store().scope():
            pyro.set_rng_seed(0)
            optim = PyroAdam({"lr": 0.02})
            svi = pyro.infer.SVI(pair.model, pair.guide, optim, loss=objective)
            losses = [svi.step(torch.tensor(x)) for _ in range(100)]
    else:
        attached = objective.attach(pair.model, pair.guide)
        svi = numpyro.infer.SVI(*attached, optax.adam(0.02), loss=objective)
        losses = svi.run(random.PRNGKey(0), 100, x, progress_bar=False).losses
    values = np.asarray(losses, dtype=np.float64)
    assert values[-10:].mean() < 0.95 * values[:10].mean()


@functools.cache
def under_one_seed(engine: str, case: str, described: str) -> tuple[Arrays, np.ndarray]:
    """Gradients and values under three seeds, of an objective in its string form."""
    pair = CASES[case].pair(engine, CASES[case].values)
    x = CASES[case].data(6).astype(np.float32)
    each = {"pyro": _with_pyro, "numpyro": _with_numpyro}[engine](
        pair, parse_objective(described), x
    )
    grads = {name: np.stack([grad[name] for _, grad in each]) for name in CASES[case].values}
    return grads, np.array([value for value, _ in each])


def _with_pyro(pair: Any, objective: Objective, x: np.ndarray) -> list[tuple[float, Arrays]]:
    each = []
    with pyro.get_param_store().scope(), torch.random.fork_rng():
        store: Any = pyro.get_param_store()
        objective(pair.model, pair.guide, torch.tensor(x))  # brings parameters into being
        leaves = dict(store.named_parameters())
        for seed in range(3):
            torch.manual_seed(seed)
            value = objective(pair.model, pair.guide, torch.tensor(x))
            grads = torch.autograd.grad(value, list(leaves.values()), materialize_grads=True)
            arrays = (grad.double().numpy() for grad in grads)
            each.append((value.item(), dict(zip(leaves, arrays, strict=True))))
    return each


def _with_numpyro(pair: Any, objective: Objective, x: np.ndarray) -> list[tuple[float, Arrays]]:
    svi = numpyro.infer.SVI(
        *objective.attach(pair.model, pair.guide), optax.sgd(0.0), loss=objective
    )
    state = svi.init(random.PRNGKey(0), x)

    def evaluate(params: Any, key: Any) -> Any:
        given = {**params, **(state.mutable_state or {})}
        return objective.loss(key, given, pair.model, pair.guide, x)

    run = jax.jit(jax.value_and_grad(evaluate))
    return [run(svi.get_params(state), random.PRNGKey(seed)) for seed in range(3)]


def assert_same_gradients(
    engine: str, case: str, one: Objective, other: Objective, *, only: str = ""
) -> None:
    """Of all parameters, of the model's or of the guide's; the noise is the same."""
    found, expected = (under_one_seed(engine, case, describe_objective(o)) for o in (one, other))
    for name in CASES[case].values:
        owner = "guide" if name in CASES[case].guide_names else "model"
        if only in ("", owner):
            size = np.abs(expected[0][name]).max()
            difference = np.abs(found[0][name] - expected[0][name]).max()
            assert difference <= 2e-5 * size + 1e-6, name


def assert_same_value(engine: str, case: str, one: Objective, other: Objective) -> None:
    found, expected = (under_one_seed(engine, case, describe_objective(o)) for o in (one, other))
    np.testing.assert_allclose(found[1], expected[1], rtol=2e-6)


def sampled(num_particles: int) -> ELBO:
    return ELBO(num_particles, analytic_kl=False)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (MIWAE(1, 3), IWAE(3)),
        (MIWAE(3, 1), sampled(3)),
        (CIWAE(3, 0.0), IWAE(3)),
        (CIWAE(3, 1.0), sampled(3)),
        (Renyi(0.0, 3), IWAE(3)),
        (Renyi(1.0, 3), sampled(3)),
        (IWAE(1), sampled(1)),
        (RLOO(3), sampled(3)),
        (VIMCO(3), IWAE(3)),
        (NVIL(num_particles=3, hidden=2), sampled(3)),
    ],
    ids=lambda o: describe_objective(o).replace("num_", ""),
)
def test_where_two_formulas_are_one(one: Objective, other: Objective) -> None:
    """They are written once for both engines; in a program of two reparameterised sites."""
    assert_same_value("pyro", "reparameterised", one, other)
    assert_same_gradients("pyro", "reparameterised", one, other)


@pytest.mark.parametrize(
    ("one", "other"), [(DReG(1), STL(1)), (PIWAE(1, 3), IWAE(3))], ids=["DReG", "PIWAE"]
)
@pytest.mark.parametrize("engine", ENGINES)
def test_where_two_weightings_are_one(engine: str, one: Objective, other: Objective) -> None:
    assert_same_value(engine, "reparameterised", one, other)
    assert_same_gradients(engine, "reparameterised", one, other)


@pytest.mark.parametrize(
    ("one", "model", "guide"),
    [
        (PIWAE(3, 1), IWAE(3), sampled(3)),
        (PIWAE(2, 2), IWAE(4), MIWAE(2, 2)),
        (STL(3), sampled(3), None),
        (DReG(3), IWAE(3), None),
        (TailAdaptive(3), IWAE(3), None),
        (ChiSquare(3), IWAE(3), None),
        (RWS(3), IWAE(3), None),
        (WakeSleep(), sampled(1), None),
    ],
    ids=lambda o: "-" if o is None else describe_objective(o).replace("num_", ""),
)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_model_learns_by_the_bound_that_is_reported(
    engine: str, one: Objective, model: Objective, guide: Objective | None
) -> None:
    assert_same_value(engine, "reparameterised", one, model)
    assert_same_gradients(engine, "reparameterised", one, model, only="model")
    if guide is not None:
        assert_same_gradients(engine, "reparameterised", one, guide, only="guide")


def test_relax_begins_as_rebar() -> None:
    one, other = RELAX(num_particles=2, hidden=2), REBAR(num_particles=2)
    assert_same_value("pyro", "bernoulli", one, other)
    assert_same_gradients("pyro", "bernoulli", one, other)


@pytest.mark.parametrize("objective", [NVIL(num_particles=2), RLOO(2), DisARM(2)], ids=repr)
def test_what_learns_the_elbo_reports_it(objective: Objective) -> None:
    assert_same_value("pyro", "bernoulli", objective, sampled(2))


@pytest.mark.parametrize("engine", ENGINES)
def test_both_phases_are_the_mean_of_the_two(engine: str) -> None:
    both, wake, sleep = (
        under_one_seed(engine, "bernoulli", describe_objective(RWS(3, phase)))[0]
        for phase in ("both", "wake", "sleep")
    )
    for name in CASES["bernoulli"].guide_names:
        mean = (wake[name] + sleep[name]) / 2
        np.testing.assert_allclose(both[name], mean, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_enumeration_is_exact(engine: str) -> None:
    """And has no noise; what the guide leaves out is summed in the model."""
    values, x = tb.parameters(), tb.data(20)
    pair = tb.pair(engine, values)
    for seed in (0, 1):
        found = loss(engine, pair, Enumerated(), x.astype(np.float32), seed)
        np.testing.assert_allclose(-found, tb.elbo(values, x), rtol=1e-6)
    pair.guide = lambda x: None
    found = loss(engine, pair, Enumerated(), x.astype(np.float32))
    np.testing.assert_allclose(-found, tb.evidence(values, x), rtol=1e-6)
    assert tb.evidence(values, x) > tb.elbo(values, x) + 1


@pytest.mark.parametrize(
    "objective",
    [
        *EXAMPLES,
        ELBO(3, analytic_kl=False),
        ELBO(2, analytic_kl=True, beta=4.0, warmup_steps=100, free_bits=0.25),
        MIWAE(4, 8),
        STL(7),
        Renyi(-0.5, 3),
        NVIL(None, 3, hidden=7, centre=False, normalise=False, decay=0.99),
        Concrete(0.3, True, 4),
        Concrete(1.0, final_temperature=0.1, anneal_steps=1000),
        REBAR(0.1, 3),
        RELAX(0.1, 3, hidden=8),
        DisARM(4),
        RWS(3, "sleep"),
        RWS(3, "both"),
    ],
    ids=repr,
)
def test_string_form_goes_round(objective: Objective) -> None:
    read = parse_objective(describe_objective(objective))
    assert (repr(read), read.owns) == (repr(objective), objective.owns)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("iwea:num_particles=5", "Did you mean 'iwae'"),
        ("iwae", "num_particles"),
        ("iwae:num_particles", "keyword=value"),
        ("iwae:num_particles=0", "at least 1, got 0"),
        ("vimco:num_particles=1", "at least 2, got 1"),
        ("rloo:num_particles=1", "at least 2, got 1"),
        ("tailadaptive:num_particles=1", "at least 2, got 1"),
        ("chisquare:num_particles=1", "at least 2, got 1"),
        ("dreg", "num_particles"),
        ("piwae:num_outer=2", "num_particles"),
        ("miwae:num_outer=0,num_particles=2", "num_outer must be a whole number of at least 1"),
        ("ciwae:num_particles=2,beta=2", r"beta must lie in \[0, 1\], got 2"),
        ("renyi:num_particles=2,alpha=x", "alpha must be a finite number, got 'x'"),
        ("iwae:num_particles=many", "got 'many'"),
        ("elbo:particles=2", "It takes: num_particles, analytic_kl"),
        ("elbo:analytic_kl=maybe", "True, False or 'auto', got 'maybe'"),
        ("elbo:analytic_kl=1", "True, False or 'auto', got 1"),
        ("elbo:beta=-1", "beta must be at least 0, got -1"),
        ("elbo:warmup_steps=-1", "warmup_steps must be a whole number of at least 0, got -1"),
        ("elbo:warmup_steps=2.5", "warmup_steps must be a whole number of at least 0, got 2.5"),
        ("elbo:free_bits=-0.1", "free_bits must be at least 0, got -0.1"),
        ("elbo:free_bits=inf", "free_bits must be a finite number, got 'inf'"),
        ("elbo:free_bits=True", "free_bits must be a finite number, got True"),
        ("nvil:baseline=linear", "baseline must be 'mlp' or None, got 'linear'"),
        ("nvil:hidden=0", "hidden must be a whole number of at least 1, got 0"),
        ("nvil:decay=1.5", r"decay must lie in \[0, 1\], got 1.5"),
        ("nvil:centre=1", "centre must be True or False, got 1"),
        ("nvil:normalise=yes", "normalise must be True or False, got 'yes'"),
        ("concrete:temperature=0", "temperature must be positive, got 0"),
        ("concrete:temperature=cold", "temperature must be a finite number, got 'cold'"),
        ("concrete:hard=yes", "hard must be True or False, got 'yes'"),
        ("concrete:hard=1", "hard must be True or False, got 1"),
        ("concrete:final_temperature=0.1", "final_temperature and anneal_steps go together"),
        ("concrete:anneal_steps=10", "final_temperature and anneal_steps go together"),
        (
            "concrete:final_temperature=0,anneal_steps=10",
            "final_temperature must be positive, got 0",
        ),
        (
            "concrete:final_temperature=0.1,anneal_steps=-1",
            "anneal_steps must be a whole number of at least 0, got -1",
        ),
        ("rebar:temperature=-1", "temperature must be positive, got -1"),
        ("rebar:hidden=3", "It takes: temperature, num_particles"),
        ("relax:hidden=0", "hidden must be a whole number of at least 1, got 0"),
        ("disarm:num_particles=0", "at least 1, got 0"),
        ("rws:num_particles=2,guide_phase=dream", "one of wake, sleep, both, got 'dream'"),
        ("wakesleep:num_particles=2", "takes no arguments"),
        ("enumerated:states=2", "takes no arguments"),
    ],
)
def test_wrong_strings_are_explained(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_objective(text)


def test_numpyro_step_is_the_same_compiled_or_not() -> None:
    row = ROWS["vae"]
    pair = create(row.model, engine="numpyro", **row.hyperparameters)
    svi = numpyro.infer.SVI(pair.model, pair.guide, optax.adam(0.01), IWAE(4))
    state = svi.init(random.PRNGKey(0), *row.batch(10))
    plain = svi.update(state, *row.batch(10))[1]
    np.testing.assert_allclose(jax.jit(svi.update)(state, *row.batch(10))[1], plain, rtol=1e-6)
