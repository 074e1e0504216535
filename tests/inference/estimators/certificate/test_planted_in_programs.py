"""Mistakes about scales, frames and point masses, each planted and each caught by a program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from rows import ENGINES

from inference.estimators.certificate import noise
from inference.estimators.certificate.certify import Setting, limit, measure
from inference.estimators.certificate.programs import PROGRAMS
from inference.objectives import ELBO, IWAE, Objective, _score
from inference.program import influence
from inference.program.influence import Cost
from inference.program.structure import Structure

SCALES = {"scaled, Bernoulli": 3.0, "nested plates, scale within": 2.5}


class ScaleInsideTheLogarithm(IWAE):
    """Both libraries' RenyiELBO: log 1/K sum_k w_k^c in place of c log 1/K sum_k w_k."""

    def surrogate(self, program: Any) -> Any:
        log_w = program.draw(self.num_particles).log_w
        return program.total(program.logmeanexp(0.25 * log_w) / 0.25)


class PointMassWithoutDensity(ELBO):
    """Pyro's TraceMeanField_ELBO: the density that a transformed latent carries is dropped."""

    def surrogate(self, program: Any) -> Any:
        draws = program.draw(self.num_particles)
        jacobian = draws.log_q_sites["s"]
        return program.total((draws.log_w + jacobian).mean(0))


class GlobalsOncePerRow(ELBO):
    """The global's divergence counted as if a minibatch of 4 in 12 had a third of it."""

    def surrogate(self, program: Any) -> Any:
        draws = program.draw(self.num_particles)
        globals_ = draws.log_p_sites["g"] - draws.log_q_sites["g"]
        return program.total((draws.log_w + 2 * globals_).mean(0))


PLANTED = [
    (ScaleInsideTheLogarithm(5), IWAE(5), "scaled, Gaussian"),
    (PointMassWithoutDensity(5), ELBO(5), "packed autoguide"),
    (GlobalsOncePerRow(5), ELBO(5), "global, Gaussian"),
]


def caught(engine: str, planted: Objective, right: Objective, program: str) -> bool:
    rows = PROGRAMS[program].rows
    setting = Setting("", planted, 5, program, engine, rows, subsampled=False, stands_for=right)
    draws = 20_000 if program == "packed autoguide" else 1_000 * rows
    return measure(setting, draws).largest > limit(2000)


@pytest.mark.parametrize(
    ("planted", "right", "program"), PLANTED, ids=[type(p).__name__ for p, _, _ in PLANTED]
)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_planted_mistake_is_caught(
    engine: str, planted: Objective, right: Objective, program: str
) -> None:
    assert caught(engine, planted, right, program)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("program", SCALES)
def test_a_score_times_the_scale_is_caught(
    program: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NumPyro's TraceGraph_ELBO: costs with the scale, times a score with the scale, is c^2."""
    whole = _score.score_terms

    def scaled(*args: Any, **options: Any) -> Any:
        return SCALES[program] * whole(*args, **options)

    monkeypatch.setattr("inference.objectives.elbo.score_terms", scaled)
    assert caught(engine, ELBO(5), ELBO(5), program)


def of_the_whole_batch(structure: Structure, costs: Sequence[Cost], name: str) -> Any:
    del structure, name
    return sum(cost.value.sum(axis=-1, keepdims=True) for cost in costs)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("planted", "passes"), [(None, True), (of_the_whole_batch, False)])
def test_a_score_that_sees_the_whole_batch_is_caught(
    planted: Callable[..., Any] | None,
    passes: bool,
    engine: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is unbiased: its noise gives it away. Of 300 gradients 1.1 is ten standard errors off."""
    if planted is not None:
        monkeypatch.setattr(_score, "downstream", planted)
    (found,) = noise.noise([engine], sizes=(20,), orders=noise.ORDERS[1:], repeats=300)
    assert (found.ratio <= noise.LIMIT) == passes
    assert influence.downstream is not planted
