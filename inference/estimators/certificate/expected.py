"""The gradient that each objective has in expectation, and the one that it stands in for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.estimators.certificate import exact
from inference.estimators.certificate.cases import Case
from inference.estimators.certificate.relaxed import concrete
from inference.estimators.certificate.sites import Array, Arrays
from inference.objectives import (
    CIWAE,
    IWAE,
    MIWAE,
    PIWAE,
    RWS,
    VIMCO,
    ChiSquare,
    Concrete,
    DReG,
    Objective,
    Renyi,
    TailAdaptive,
    WakeSleep,
)


@dataclass(frozen=True)
class Expected:
    """What an objective's gradient is in expectation, summed over the data.

    Attributes:
        gradient: by parameter, exact.
        bias: size of the guide's part of it minus that of the ELBO's gradient, relative to the
            latter; None for objectives that do not estimate the ELBO's gradient, or do without
            bias.
    """

    gradient: Arrays
    bias: float | None = None


def expected(objective: Objective, case: Case, x: Array) -> Expected:
    """The exact expectation of an objective's gradient on a case's parameters and some data."""
    particles = getattr(objective, "num_particles", 1)
    match objective:
        case Concrete():
            return _biased(case, x, _concrete(objective, case, x))
        case RWS():
            model = _of_iwae(case, x, particles, of="model")
            return _biased(case, x, model | _guide_of_rws(objective, case, x))
        case WakeSleep():
            return _biased(case, x, _of_elbo(case, x) | _asleep(case, x))
        case TailAdaptive():
            guide = exact.tail_guide(case, case.values, x, particles)
            return _biased(case, x, _of_iwae(case, x, particles, of="model") | guide)
        case ChiSquare():
            guide = exact.chi_guide(case, case.values, x, particles)
            return _biased(case, x, _of_iwae(case, x, particles, of="model") | guide)
        case PIWAE(num_outer=outer):
            model = _of_iwae(case, x, outer * particles, of="model")
            return Expected(model | _of_iwae(case, x, particles, of="guide"))
        case IWAE() | MIWAE() | DReG() | VIMCO():
            return Expected(_of_iwae(case, x, particles))
        case Renyi(alpha=alpha):
            gradient = exact.gradient(
                lambda v: exact.renyi(case, v, x, alpha, particles), case.values
            )
            return Expected(gradient)
        case CIWAE(beta=beta):
            elbo, iwae = _of_elbo(case, x), _of_iwae(case, x, particles)
            return Expected({n: beta * elbo[n] + (1 - beta) * iwae[n] for n in elbo})
        case _:
            return Expected(_of_elbo(case, x))


def _of_elbo(case: Case, x: Array) -> Arrays:
    return exact.gradient(lambda values: exact.elbo(case, values, x), case.values)


def _of_iwae(case: Case, x: Array, num_particles: int, of: str = "both") -> Arrays:
    """The bound's gradient for the parameters of the model, of the guide, or of both."""
    guide = case.guide_names
    names = {"both": set(case.values), "guide": guide, "model": set(case.values) - guide}[of]
    return exact.gradient(
        lambda values: exact.iwae(case, values, x, num_particles), case.values, sorted(names)
    )


def _guide_of_rws(objective: RWS, case: Case, x: Array) -> Arrays:
    wake, sleep = {}, {}
    if objective.guide_phase != "sleep":
        wake = exact.wake_guide(case, case.values, x, objective.num_particles)
    if objective.guide_phase != "wake":
        sleep = _asleep(case, x)
    if wake and sleep:
        return {name: 0.5 * (wake[name] + sleep[name]) for name in wake}
    return wake or sleep


def _asleep(case: Case, x: Array) -> Arrays:
    dreamer, dreams = case.sleeping(len(x))
    return {n: dreams * g for n, g in exact.sleep_guide(dreamer, case.values).items()}


def _concrete(objective: Concrete, case: Case, x: Array) -> Arrays:
    return concrete(case, case.values, x, objective.temperature, hard=objective.hard)


def _biased(case: Case, x: Array, gradient: Arrays) -> Expected:
    elbo = _of_elbo(case, x)
    names = sorted(case.guide_names)

    def flat(arrays: dict[str, Any]) -> Array:
        return np.concatenate([np.ravel(arrays[name]) for name in names])

    return Expected(
        gradient,
        float(np.linalg.norm(flat(gradient) - flat(elbo)) / np.linalg.norm(flat(elbo))),
    )
