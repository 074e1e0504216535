"""The gradient that each objective has in expectation, and the one that it stands in for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.estimators.certificate import exact, sets
from inference.estimators.certificate.cases import Case
from inference.estimators.certificate.relaxations import concrete
from inference.estimators.certificate.sites import Array, Arrays
from inference.objectives import Objective
from inference.objectives.estimates import Bound, Estimates


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


def expected(objective: Objective, case: Case, x: Array) -> Expected | None:
    """The exact expectation of an objective's gradient on a case's parameters and some data.

    None where the objective says of no bound or rule that it follows it, or where the expectation
    of its rule is not written here.
    """
    estimates = objective.estimates
    if estimates is None:
        return None
    if not estimates.rule:
        return Expected(_of_bounds(objective, estimates, case, x))
    if estimates.rule not in _RULES:
        return None
    followed = _RULES[estimates.rule](objective, case, x)
    if estimates.biased is None:
        followed = _of_bound(estimates.model, objective, case, x, of="model") | followed
    return _with_bias(case, x, followed)


class _Gradients:
    """Gradients of Renyi's bounds, of order 1 the ELBO's, which many objectives follow."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[int, bytes, float, int], tuple[Case, Arrays]] = OrderedDict()

    def of(self, case: Case, x: Array, alpha: float, num_particles: int) -> Arrays:
        """By all parameters of the case, each worked out once."""
        key = id(case), x.tobytes(), alpha, num_particles
        if key not in self._kept:
            slopes = exact.renyi_gradient(case, case.values, x, alpha, num_particles, case.values)
            self._kept[key] = case, slopes  # with the case, as another one may get its id
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return self._kept[key][1]


_KNOWN = _Gradients(most=64)


def _of_bounds(objective: Objective, estimates: Estimates, case: Case, x: Array) -> Arrays:
    if estimates.model == estimates.guide:
        return _of_bound(estimates.model, objective, case, x)
    assert isinstance(estimates.guide, Bound)
    model = _of_bound(estimates.model, objective, case, x, of="model")
    return model | _of_bound(estimates.guide, objective, case, x, of="guide")


def _of_bound(bound: Bound, objective: Objective, case: Case, x: Array, of: str = "both") -> Arrays:
    """A bound's gradient for the parameters of the model, of the guide, or of both."""
    guide = case.guide_names
    sides = {"both": set(case.values), "guide": set(guide), "model": set(case.values) - guide}

    names, share = sorted(sides[of]), bound.elbo_share(objective)
    parts = []
    if share > 0:
        parts.append((share, _KNOWN.of(case, x, 1.0, 1)))
    if share < 1:
        alpha, count = bound.alpha(objective), bound.num_particles(objective)
        parts.append((1 - share, _KNOWN.of(case, x, alpha, count)))
    weighed = [{name: weight * slopes[name] for name in names} for weight, slopes in parts]
    return {name: np.sum([slopes[name] for slopes in weighed], axis=0) for name in names}


def bound_value(
    bound: Bound,
    objective: Objective,
    elbo: Callable[[], float],
    renyi: Callable[[float, int], float],
) -> float:
    """An objective's bound from the ELBO and from Renyi's bound of order alpha and K draws."""
    share, value = bound.elbo_share(objective), 0.0
    if share > 0:
        value += share * elbo()
    if share < 1:
        value += (1 - share) * renyi(bound.alpha(objective), bound.num_particles(objective))
    return value


def _asleep(objective: Objective, case: Case, x: Array) -> Arrays:
    del objective
    dreamer, dreams = case.sleeping(len(x))
    return {n: dreams * g for n, g in exact.sleep_guide(dreamer, case.values).items()}


def _awake(objective: Objective, case: Case, x: Array) -> Arrays:
    return exact.wake_guide(case, case.values, x, _particles(objective))


def _awake_and_asleep(objective: Objective, case: Case, x: Array) -> Arrays:
    wake, sleep = _awake(objective, case, x), _asleep(objective, case, x)
    return {name: 0.5 * (wake[name] + sleep[name]) for name in wake}


def _by_rank(objective: Objective, case: Case, x: Array) -> Arrays:
    return exact.tail_guide(case, case.values, x, _particles(objective))


def _by_chi_square(objective: Objective, case: Case, x: Array) -> Arrays:
    return exact.chi_guide(case, case.values, x, _particles(objective))


def _relaxed(objective: Any, case: Case, x: Array) -> Arrays:
    return concrete(case, case.values, x, objective.temperature, hard=objective.hard)


def _thermodynamic(objective: Any, case: Case, x: Array) -> Arrays:
    return sets.thermodynamic(case, case.values, x, objective.num_particles, objective.betas)


def _by_jensen_shannon(objective: Objective, case: Case, x: Array) -> Arrays:
    return sets.jensen_shannon(case, case.values, x, _particles(objective))


def _by_total_variation(objective: Objective, case: Case, x: Array) -> Arrays:
    return sets.total_variation(case, case.values, x, _particles(objective))


def _particles(objective: Any) -> int:
    return objective.num_particles


_RULES: dict[str, Callable[[Objective, Case, Array], Arrays]] = {
    "wake": _awake,
    "sleep": _asleep,
    "wake and sleep": _awake_and_asleep,
    "tail-adaptive": _by_rank,
    "chi-square": _by_chi_square,
    "relaxed draws": _relaxed,
    "thermodynamic": _thermodynamic,
    "jensen-shannon": _by_jensen_shannon,
    "total-variation": _by_total_variation,
}
"""What the guide's parameters follow under a rule; under a biased one, all parameters."""


def _with_bias(case: Case, x: Array, gradient: Arrays) -> Expected:
    elbo = _KNOWN.of(case, x, 1.0, 1)
    names = sorted(case.guide_names)

    def flat(arrays: dict[str, Any]) -> Array:
        return np.concatenate([np.ravel(arrays[name]) for name in names])

    return Expected(
        gradient,
        float(np.linalg.norm(flat(gradient) - flat(elbo)) / np.linalg.norm(flat(elbo))),
    )
