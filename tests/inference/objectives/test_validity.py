"""Which objectives fit a pair, what the others are refused for, and that both are true."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import numpyro
import numpyro.distributions as ndist
import optax
import pyro
import pyro.distributions as pdist
import pyro.infer
import pytest
import tiny_belief_net as tb
import torch
from jax import random
from numpyro.infer import SVI
from objective_rows import BESIDE, valid
from pyro.optim import Adam as PyroAdam  # pyright: ignore[reportAttributeAccessIssue]
from rows import ENGINES

from inference import fit, valid_objectives
from inference.errors import ObjectiveError, PairError
from inference.estimators.certificate.cases import CASES
from inference.objectives import (
    ELBO,
    IWAE,
    RWS,
    STL,
    VIMCO,
    Concrete,
    Enumerated,
    Objective,
    WakeSleep,
)
from inference.objectives.registry import examples

EXAMPLES = examples()
NAMES = [type(objective).__name__ for objective in EXAMPLES]
VALID = {case: valid(case) for case in CASES}
PATHWISE = VALID["reparameterised"] - VALID["bernoulli"]
FIRST_DISCRETE = {"bernoulli": "b1", "categorical": "k", "integer": "k", "mixed": "k"}
each_engine = pytest.mark.parametrize("engine", ENGINES)
each_case = pytest.mark.parametrize("name", CASES)


@pytest.fixture(autouse=True)
def _own_store():
    with pyro.get_param_store().scope():
        yield


def case(engine: str, name: str) -> tuple[Any, np.ndarray]:
    chosen = CASES[name]
    return chosen.pair(engine, chosen.values), chosen.data(5).astype(np.float32)


def refusal(pair: Any, objective: Objective, *data: np.ndarray) -> str:
    """Why `fit` refuses, which it does before anything is trained."""
    with pytest.raises(ObjectiveError) as caught:
        fit(pair, data, objective=objective, steps=1, progress=False)
    return str(caught.value)


@each_case
@each_engine
def test_the_sets_are_those_of_the_docstrings(engine: str, name: str) -> None:
    pair, x = case(engine, name)
    validity = valid_objectives(pair, x)
    assert set(validity.valid) == VALID[name]
    assert list(validity.valid) == [n for n in NAMES if n in VALID[name]]
    assert list(validity.refused) == [n for n in NAMES if n not in VALID[name]]


@pytest.mark.parametrize(("name", "site"), FIRST_DISCRETE.items())
@each_engine
def test_a_pathwise_objective_is_refused_by_the_name_of_the_site(
    engine: str, name: str, site: str
) -> None:
    pair, x = case(engine, name)
    refused = valid_objectives(pair, x).refused
    for objective in PATHWISE:
        assert f"{site!r} is not reparameterised" in refused[objective]


@each_engine
def test_without_discrete_draws_there_is_nothing_to_relax(engine: str) -> None:
    refused = valid_objectives(*case(engine, "reparameterised")).refused
    for objective in ("Concrete", "REBAR", "RELAX", "MuProp", "ARM", "DisARM"):
        assert "every draw of the guide is reparameterised" in refused[objective]
    assert "the model has none" in refused["Enumerated"]


@each_engine
def test_integers_are_to_be_written_as_one_hot(engine: str) -> None:
    pair, x = case(engine, "integer")
    reason = refusal(pair, Concrete(), x)
    for words in ("'k' is categorical", "OneHotCategorical", "Multinomial with total_count=1"):
        assert words in reason
        assert words in valid_objectives(pair, x).refused["Concrete"]
    assert reason.endswith(
        "ELBO, NVIL, RLOO, VIMCO, RWS, WakeSleep, "
        "TVO, SUMO, JensenShannon, TotalVariation, Enumerated."
    )


@pytest.mark.parametrize("objective", [IWAE(2), STL()], ids=repr)
@pytest.mark.parametrize(("name", "site"), FIRST_DISCRETE.items())
@each_engine
def test_training_what_is_refused_says_what_would_fit(
    engine: str, name: str, site: str, objective: Objective
) -> None:
    pair, x = case(engine, name)
    reason = refusal(pair, objective, x)
    assert reason.startswith(f"{objective!r} differentiates through the draws")
    assert repr(site) in reason
    valid = [n for n in NAMES if n in VALID[name]]
    assert reason.endswith(f"Objectives that fit this pair: {', '.join(valid)}.")


@each_case
@each_engine
def test_what_is_valid_runs_and_what_is_refused_does_not(engine: str, name: str) -> None:
    for objective in EXAMPLES:
        pair, x = case(engine, name)
        if type(objective).__name__ not in VALID[name]:
            with pytest.raises(ObjectiveError):
                step(engine, pair, objective, x)
        else:
            assert np.isfinite(step(engine, pair, objective, x))


def step(engine: str, pair: Any, objective: Objective, x: np.ndarray) -> float:
    """A step of the engine's own SVI: the loss on Pyro, only its shape on NumPyro."""
    if engine == "pyro":
        optim = PyroAdam({"lr": 0.01})
        svi: Any = pyro.infer.SVI(pair.model, pair.guide, optim, loss=objective)
        return svi.step(torch.tensor(x))
    svi = SVI(*objective.attach(pair.model, pair.guide), optax.adam(0.01), loss=objective)
    state = jax.eval_shape(lambda: svi.init(random.PRNGKey(0), x))
    return len(jax.eval_shape(svi.update, state, x)[1].shape)


@each_engine
def test_asking_changes_nothing(engine: str) -> None:
    pair, x = case(engine, "bernoulli")
    before = torch.get_rng_state()
    valid_objectives(pair, x)
    assert torch.equal(before, torch.get_rng_state())
    assert list(pyro.get_param_store()) == []


def words(engine: str) -> Any:
    """Statements that read the same in both libraries."""
    library: Any = {"pyro": pyro, "numpyro": numpyro}[engine]
    dist: Any = {"pyro": pdist, "numpyro": ndist}[engine]
    array = {"pyro": torch.tensor, "numpyro": np.asarray}[engine]

    def bernoulli(units: int) -> Any:
        return dist.Bernoulli(logits=array(np.zeros(units, np.float32))).to_event(1)

    def normal(loc: Any = 0.0) -> Any:
        zeros = array(np.zeros(3, np.float32))
        return dist.Normal(zeros + loc, array(np.float32(1))).to_event(1)

    return SimpleNamespace(
        sample=library.sample, plate=library.plate, bernoulli=bernoulli, normal=normal
    )


X = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)


@each_engine
def test_a_global_latent_alone_is_trained_by_what_needs_no_weights(engine: str) -> None:
    w = words(engine)

    def model(x: Any) -> None:
        theta = w.sample("theta", w.normal())
        with w.plate("data", len(x)):
            w.sample("x", w.normal(theta), obs=x)

    def guide(x: Any) -> None:
        w.sample("theta", w.normal())

    pair = SimpleNamespace(engine=engine, model=model, guide=guide)
    validity = valid_objectives(pair, X)
    assert validity.valid == ("ELBO", "NVIL", "RLOO")
    for name in {"MMD", "Adversarial"}:
        assert "has no size=" in validity.refused[name]
    others = {"MMD", "Adversarial", "Enumerated", *BESIDE}
    others |= {
        "MultiPrediction",
        "Denoising",
        "ScheduledSampling",
        "OrderAgnostic",
        "ProfessorForcing",
    }  # of pairs that are made for them
    energies = {n for n, why in validity.refused.items() if "known up to a constant" in why}
    for name in set(NAMES) - {*validity.valid, *others, *energies}:
        assert "'theta' lies outside the data's plate 'data'" in validity.refused[name]
    reason = refusal(pair, VIMCO(2), X)
    assert "'theta'" in reason
    assert reason.endswith("Objectives that fit this pair: ELBO, NVIL, RLOO.")


@each_engine
def test_data_that_are_no_argument_cannot_be_dreamt(engine: str) -> None:
    chosen = CASES["bernoulli"]
    full = chosen.data(12)
    pair = chosen.pair(engine, chosen.values, subsample=(full, 4))
    validity = valid_objectives(pair)
    assert set(validity.valid) == VALID["bernoulli"] - {"WakeSleep"}
    assert "'x' observes is not itself an argument" in validity.refused["WakeSleep"]
    for objective in (WakeSleep(), RWS(2, "sleep"), RWS(2, "both")):
        with pytest.raises(ObjectiveError, match="'x' observes is not itself an argument"):
            step_without_data(engine, pair, objective)


def step_without_data(engine: str, pair: Any, objective: Objective) -> None:
    if engine == "pyro":
        objective(pair.model, pair.guide)
    jax.eval_shape(lambda: objective.loss(random.PRNGKey(0), {}, pair.model, pair.guide))


@each_engine
def test_a_discrete_latent_that_the_guide_leaves_out_can_only_be_summed_over(engine: str) -> None:
    pair, x = case(engine, "bernoulli")
    pair.guide = lambda x: None
    validity = valid_objectives(pair, x)
    assert validity.valid == ("Enumerated",)
    for name in set(validity.refused) - {"SemiSupervisedAdversarial"}:  # it asks no guide
        reason = validity.refused[name]
        no_guide = "the guide has no site for the model's latent 'b1', 'b2'"
        assert ("has no size=" if name in ("MMD", "Adversarial") else no_guide) in reason
    with pytest.raises(PairError, match="'b1', 'b2'"):
        fit(pair, x, objective=ELBO(), steps=1, progress=False)


@each_engine
def test_a_continuous_latent_that_the_guide_leaves_out_fits_nothing(engine: str) -> None:
    pair, x = case(engine, "mixed")
    pair.guide = lambda x: None
    validity = valid_objectives(pair, x)
    assert validity.valid == ()
    assert "latent 'z'" in validity.refused["Enumerated"]
    assert "'k', 'z'" in validity.refused["ELBO"]
    assert str(validity).startswith("valid: none\n")


@pytest.mark.parametrize("proposed", [True, False])
@each_engine
def test_too_many_states_are_refused_with_their_number(engine: str, *, proposed: bool) -> None:
    w = words(engine)

    def pair(units: int) -> Any:
        def model(x: Any) -> None:
            with w.plate("data", len(x)):
                b = w.sample("b", w.bernoulli(units))
                w.sample("x", w.normal(b[..., :3]), obs=x)

        def guide(x: Any) -> None:
            with w.plate("data", len(x)):
                if proposed:
                    w.sample("b", w.bernoulli(units))

        return SimpleNamespace(engine=engine, model=model, guide=guide)

    assert "Enumerated" in valid_objectives(pair(14), X).valid
    refused = valid_objectives(pair(15), X).refused
    for reason in (refused["Enumerated"], refusal(pair(15), Enumerated(), X)):
        assert "3.28e+04 joint states of 'b'" in reason
        assert "16,384 at most" in reason


@each_engine
def test_the_states_of_all_sites_multiply(engine: str) -> None:
    w = words(engine)

    def run(x: Any, *, observe: bool) -> None:
        with w.plate("data", len(x)):
            for name in ("one", "two"):
                w.sample(name, w.bernoulli(8))
            if observe:
                w.sample("x", w.normal(), obs=x)

    model, guide = (functools.partial(run, observe=observe) for observe in (True, False))
    pair = SimpleNamespace(engine=engine, model=model, guide=guide)
    reason = valid_objectives(pair, X).refused["Enumerated"]
    assert "6.55e+04 joint states of 'one', 'two'" in reason


@each_engine
def test_it_prints_one_line_for_each_reason(engine: str) -> None:
    validity = valid_objectives(*case(engine, "integer"))
    first, *rest = str(validity).splitlines()
    assert first == (
        "valid: ELBO, NVIL, RLOO, VIMCO, RWS, WakeSleep, TVO, SUMO, JensenShannon, "
        "TotalVariation, Enumerated"
    )
    named = [line.partition(": ")[0].split(", ") for line in rest]
    assert sorted(name for names in named for name in names) == sorted(validity.refused)
    pathwise = next(line for line in rest if line.startswith("IWAE, "))
    assert "DReG" in pathwise.partition(": ")[0]
    assert ": each differentiates through the draws, but the guide's draw of " in pathwise
    assert f"Concrete: {validity.refused['Concrete']}" in rest or any(
        "Concrete, " in r for r in rest
    )
    assert all(line.endswith(".") for line in rest)


@each_engine
def test_a_fitted_pair_is_a_pair(engine: str) -> None:
    values, x = tb.parameters(), tb.data(8).astype(np.float32)
    run = fit(tb.pair(engine, values), x, objective=Enumerated(), steps=1, progress=False)
    assert set(valid_objectives(run.pair, x).valid) == VALID["bernoulli"]
