"""No objective runs a network more often than its mathematics needs."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax
import pyro
import pytest
import tiny_belief_net as tb
import torch
from jax import random
from numpyro.infer import SVI

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
)
from ppl_models import create

X = (np.random.default_rng(0).random((20, 64)) < 0.4).astype(np.float32)


def vae(engine: str) -> Any:
    return create("vae", engine=engine, data_dim=64, latent_dim=8, hidden=(32,))


def counting(function: Callable[..., Any], counts: Counter[str], name: str) -> Callable[..., Any]:
    def counted(*args: Any) -> Any:
        counts[name] += 1
        return function(*args)

    return counted


def runs(objective: Objective, pair: Any, x: np.ndarray, counts: Counter[str]) -> Counter[str]:
    """What one loss and its gradient run, after a first one, which looks at the pair."""
    with pyro.get_param_store().scope(), torch.random.fork_rng():
        torch.manual_seed(0)
        objective(pair.model, pair.guide, torch.tensor(x))
        counts.clear()
        objective(pair.model, pair.guide, torch.tensor(x)).backward()
    return counts


@pytest.mark.parametrize(
    "objective",
    [
        ELBO(),
        ELBO(3, analytic_kl=False),
        ELBO(beta=0.5, warmup_steps=10, free_bits=0.1),
        IWAE(5),
        MIWAE(2, 3),
        PIWAE(2, 3),
        CIWAE(5, 0.5),
        STL(5),
        DReG(5),
        Renyi(0.5, 5),
        TailAdaptive(5),
        ChiSquare(5),
        VIMCO(5),
        RLOO(5),
        NVIL(num_particles=2),
        RWS(5),
    ],
    ids=repr,
)
def test_each_network_runs_once(objective: Objective) -> None:
    assert network_runs(objective) == {"encoder": 1, "decoder": 1}


@pytest.mark.parametrize("objective", [RWS(5, "sleep"), RWS(5, "both"), WakeSleep()], ids=repr)
def test_a_sleep_phase_runs_each_network_once_more(objective: Objective) -> None:
    assert network_runs(objective) == {"encoder": 2, "decoder": 2}


def network_runs(objective: Objective) -> dict[str, int]:
    pair, counts = vae("pyro"), Counter[str]()
    for name in ("encoder", "decoder"):
        module = getattr(pair, name)
        module.register_forward_hook(lambda *_, name=name: counts.update([name]))
    return dict(runs(objective, pair, X, counts))


@pytest.mark.parametrize(
    ("objective", "times"),
    [
        (ELBO(3), 1),
        (RLOO(3), 1),
        (VIMCO(3), 1),
        (NVIL(num_particles=3), 1),
        (Concrete(num_particles=3), 1),
        (Concrete(hard=True), 1),
        (Enumerated(), 1),
        (RWS(3), 1),
        (REBAR(num_particles=3), 1 + 2),
        (RELAX(num_particles=3), 1 + 2),
        (DisARM(3), 1 + 2),
    ],
    ids=repr,
)
def test_discrete_draws_take_one_run_and_one_for_each_site_that_is_paired(
    objective: Objective, times: int
) -> None:
    case = CASES["bernoulli"]  # two sites
    pair, counts = case.pair("pyro", case.values), Counter[str]()
    for name in ("model", "guide"):
        setattr(pair, name, counting(getattr(pair, name), counts, name))
    x = case.data(6).astype(np.float32)
    assert runs(objective, pair, x, counts) == {"model": times, "guide": times}


def test_a_sum_without_a_guide_runs_the_model_once() -> None:
    pair, counts = tb.pair("pyro", tb.parameters()), Counter[str]()
    pair.model, pair.guide = counting(pair.model, counts, "model"), lambda x: None
    x = tb.data(6).astype(np.float32)
    assert runs(Enumerated(), pair, x, counts) == {"model": 1}


@pytest.mark.parametrize("objective", [STL(3), DReG(3), PIWAE(2, 2)], ids=repr)
def test_a_guide_of_several_sites_is_run_once_more_at_the_drawn_values(
    objective: Objective,
) -> None:
    """To tell the gradient through the draws from that through log q, where both are needed."""
    case = CASES["reparameterised"]
    pair, counts = case.pair("pyro", case.values), Counter[str]()
    for name in ("model", "guide"):
        setattr(pair, name, counting(getattr(pair, name), counts, name))
    again = 0 if isinstance(objective, PIWAE) else 1
    found = runs(objective, pair, case.data(6).astype(np.float32), counts)
    assert found == {"model": 1, "guide": 1 + again}


@functools.cache
def flops(objective: Objective) -> float:
    """Of the compiled gradient on NumPyro."""
    pair = vae("numpyro")
    svi = SVI(pair.model, pair.guide, optax.sgd(0.1), objective)
    params = svi.get_params(svi.init(random.PRNGKey(0), X))

    def loss(params: Any, key: Any) -> Any:
        return objective.loss(key, params, pair.model, pair.guide, X)

    compiled = jax.jit(jax.grad(loss)).lower(params, random.PRNGKey(0)).compile()
    analysis: Any = compiled.cost_analysis()
    found = (analysis[0] if isinstance(analysis, (list, tuple)) else analysis)["flops"]
    return float(found)


IWAE_5 = IWAE(5)


@pytest.mark.parametrize(
    "objective",
    [DReG(5), STL(5), PIWAE(1, 5), TailAdaptive(5), ChiSquare(5), RWS(5)],
    ids=repr,
)
def test_weighting_adds_little_to_the_arithmetic(objective: Objective) -> None:
    """What is written out twice is merged by the compiler."""
    assert 0.3 * flops(IWAE_5) < flops(objective) < 1.1 * flops(IWAE_5)


def test_arithmetic_that_is_done_twice_is_noticed() -> None:
    """Planted: two passes where one would do."""

    class Twice(IWAE):
        def surrogate(self, program: Any) -> Any:
            one, other = (program.logmeanexp(program.draw(5).log_w) for _ in range(2))
            return program.total((one + other) / 2)

    assert flops(Twice(5)) > 1.8 * flops(IWAE_5)
    assert network_runs(Twice(5)) == {"encoder": 2, "decoder": 2}
