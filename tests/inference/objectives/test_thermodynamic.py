"""The thermodynamic bound: it tightens draw by draw, and what its gradient is for the model."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from rows import ENGINES
from scipy.special import logsumexp

from inference.engines import load_engine
from inference.errors import ArgumentError
from inference.estimators.certificate import exact, sets
from inference.estimators.certificate.cases import CASES
from inference.objectives import IWAE, TVO

FINER = [1, 2, 3, 5, 9]  # each splits the partitions of the one before it


def values(engine: str, objective: Any, case: str = "bernoulli") -> np.ndarray:
    """Bounds of 100 sets of draws, the same sets for every objective of as many draws."""
    chosen = CASES[case]
    pair = chosen.pair(engine, chosen.values)
    batch = (chosen.data(20).astype(np.float32),)
    return -load_engine(engine).gradients(pair, objective, batch, 100)[1]


@pytest.mark.parametrize("engine", ENGINES)
def test_each_set_of_draws_has_a_tighter_bound_with_finer_partitions(engine: str) -> None:
    found = [values(engine, TVO(4, count)) for count in FINER]
    for coarse, fine in itertools.pairwise(found):
        assert (fine >= coarse - 1e-3).all()
        assert fine.mean() > coarse.mean() + 0.01


def test_the_finest_is_the_importance_weighted_bound() -> None:
    """Of the same draws; the left sum's error falls as the width of the partitions."""
    iwae = values("numpyro", IWAE(4), "reparameterised")
    errors = [iwae - values("numpyro", TVO(4, n, 1e-3), "reparameterised") for n in (50, 400)]
    assert (errors[0] > 0).all()
    assert (errors[1] > 0).all()
    assert errors[1].mean() < errors[0].mean() / 6


def test_the_exact_objective_tightens_towards_the_evidence() -> None:
    """Expectations by enumeration, without sets of draws: from the ELBO up to log p(x)."""
    case = CASES["bernoulli"]
    x = case.data(5)
    log_mass, log_w, _ = exact.weights(case, case.values, x)

    def bound(objective: TVO) -> float:
        betas, total = objective.betas, 0.0
        for beta, width in zip(betas, np.diff(betas), strict=False):
            log_pi = log_mass + beta * log_w
            pi = np.exp(log_pi - np.asarray(logsumexp(log_pi, axis=1, keepdims=True)))
            total += width * float((pi * log_w).sum())
        return total

    found = [bound(TVO(2, count)) for count in (*FINER, 1000)]
    evidence = float(np.asarray(logsumexp(log_mass + log_w, axis=1)).sum())
    assert found == sorted(found)
    np.testing.assert_allclose(found[0], exact.elbo(case, case.values, x), rtol=1e-12)
    assert evidence - 1e-2 < found[-1] < evidence


def test_for_the_model_it_is_the_gradient_of_the_expected_value() -> None:
    """Finite differences of E[value], whose weighed means come from another integral."""
    case, objective = CASES["categorical"], TVO(3, 4)
    x = case.data(2)
    given = sets.thermodynamic(case, case.values, x, 3, objective.betas)
    # All 27 sets of three draws.
    log_mass, _, latents = exact.weights(case, case.values, x)
    places = np.stack(np.meshgrid(*[range(3)] * 3)).reshape(3, -1)
    chance = np.exp(log_mass[:, places].sum(1))  # (N, 27)

    def expected(moved: Any) -> float:
        log_w = case.log_p(moved, x, latents) - case.log_q(case.values, x, latents)
        each, total = log_w[:, places], 0.0
        for beta, width in zip(objective.betas, np.diff(objective.betas), strict=False):
            share = np.exp(beta * each - logsumexp(beta * each, axis=1, keepdims=True))
            total += width * float((chance * (share * each).sum(1)).sum())
        return total

    model = sorted(set(case.values) - case.guide_names)
    for name, slope in exact.gradient(expected, case.values, model).items():
        np.testing.assert_allclose(given[name], slope, rtol=1e-6, atol=1e-8)


def test_arguments_are_explained() -> None:
    with pytest.raises(ValueError, match="num_particles must be a whole number of at least 2"):
        TVO(1)
    with pytest.raises(ValueError, match="first_beta must be above 0 and at most 1, got"):
        TVO(2, first_beta=1.5)
    with pytest.raises(ArgumentError, match="first_beta must be below 1"):
        TVO(2, first_beta=1.0)
