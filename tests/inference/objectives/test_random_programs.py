"""Gradients of programs that nobody chose, on both engines, against sums over all their states.

With the limit below, all comparisons of this file fail together on right code at most once in 10^5
runs (4.5 standard errors, Bonferroni over 1,000).
"""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from random_programs import random_program
from sums_over_states import gradient

from inference.engines import ENGINES, load_engine
from inference.estimators.certificate.certify import deviations, limit
from inference.objectives import ELBO, NVIL, RLOO

DRAWS = {"numpyro": 2_000, "pyro": 150}
LIMIT = limit(1_000)
TRIED = (ELBO(), ELBO(2, analytic_kl=False), RLOO(2), NVIL(normalise=False))
ZERO = 1e-9  # the slope of a site of which a mask leaves nothing


def largest(engine: str, seed: int) -> float:
    program = random_program(seed)
    grads, _ = load_engine(engine).gradients(
        program.pair(engine), TRIED[seed % len(TRIED)], (program.x,), DRAWS[engine]
    )
    exact = {name: slope for name, slope in gradient(program).items() if abs(slope) > ZERO}
    for name in program.values.keys() - exact.keys():
        assert np.abs(grads[name]).max() < ZERO
    return float(deviations(grads, exact).max())


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("engine", ENGINES)
def test_the_mean_gradient_is_exact(engine: str, seed: int) -> None:
    assert largest(engine, seed) < LIMIT


def test_a_scale_in_the_score_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the score of the scaled log q (20 standard errors)."""
    module = importlib.import_module("inference.engines.numpyro.draws")
    right = module._score
    monkeypatch.setattr(module, "_score", lambda site, *known: site["scale"] * right(site, *known))
    assert largest("numpyro", 8) > LIMIT
