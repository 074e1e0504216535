"""What each objective's mean gradient should be, and where such a gradient comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from inference.errors import ArgumentError, ObjectiveError, PairError
from inference.estimators.groups import Array, Reference
from inference.objectives import ELBO, RLOO, VIMCO, DReG, Enumerated, Objective
from inference.program.moments import GradientMoments
from inference.program.structure import Structure

_AVERAGED = 10  # draws per datum of a sampled gradient of the ELBO

Sampler = Callable[[Objective, int], GradientMoments]


def bound_of(objective: Objective, group: str) -> int | None:
    """K of the bound L_K whose gradient an objective is to estimate, 1 being the ELBO.

    None where it estimates another bound's (`Renyi`, `CIWAE`, a beta or free bits), or where the
    guide follows a rule that is the gradient of no bound (`RWS`, `WakeSleep`, `TailAdaptive`,
    `ChiSquare`): see `Objective.estimates`. `Concrete` sets out to estimate that of the ELBO, and
    misses it.

    Args:
        objective: the objective.
        group: `"model"` or `"guide"`; None too for parameters that both share, unless the bound
            is the same for both.
    """
    bound = None if objective.estimates is None else objective.estimates.of(group)
    return bound.num_particles(objective) if bound is not None and bound.plain else None


class References:
    """Gradients to compare with, each found when it is first asked for.

    Args:
        sampler: the moments of an objective's gradient over a number of draws.
        structure: the pair's sites.
        draws: gradients of a sampled reference; 0 for none that is not exact.
        given: one for all: gradients of a bound by parameter, or the objective to sample.
        shapes: every parameter's shape, by group.
    """

    def __init__(
        self,
        sampler: Sampler,
        structure: Structure,
        draws: int,
        given: Mapping[str, Any] | Objective | None,
        shapes: Mapping[str, Mapping[str, tuple[int, ...]]],
    ) -> None:
        self.sampler, self.structure, self.draws = sampler, structure, draws
        self._known: dict[str, Reference | None] = {}
        self.objective = given if isinstance(given, Objective) else None
        self.arrays = None
        if given is not None and self.objective is None:
            self.arrays = _checked(given, shapes)

    def of(self, objective: Objective, group: str) -> Reference | None:
        """The reference for an objective's gradient of a group of parameters, if there is one."""
        if group == "baseline":
            return None  # what the objective owns is trained by a rule of its own
        if self.arrays is not None:
            known = self.arrays.get(group)
            return None if known is None else Reference(known, {}, "given")
        if self.objective is not None:
            return self.sampled(self.objective)
        count = bound_of(objective, group)
        return None if count is None else self.sampled(self._estimator(count, objective))

    def _estimator(self, count: int, objective: Objective) -> Objective:
        """A good estimator of the gradient of L_K."""
        if count == 1:
            pathwise = all(site.reparameterised for site in self.structure.proposals)
            scored = () if pathwise else (RLOO(_AVERAGED),)
            choices = (Enumerated(), *scored, ELBO(_AVERAGED))
        else:
            choices = (DReG(count), VIMCO(count))
        return next((choice for choice in choices if self._fits(choice)), objective)

    def _fits(self, objective: Objective) -> bool:
        try:
            objective.require(self.structure)
        except (ObjectiveError, PairError):
            return False
        return True

    def sampled(self, objective: Objective) -> Reference | None:
        """The mean gradient of an objective; None if it takes draws and none are wanted."""
        if repr(objective) not in self._known:
            self._known[repr(objective)] = self._sampled(objective)
        return self._known[repr(objective)]

    def _sampled(self, objective: Objective) -> Reference | None:
        exact = isinstance(objective, Enumerated) and all(
            site.family and not site.reparameterised for site in self.structure.proposals
        )
        if not exact and not self.draws:
            if objective is self.objective:
                raise ArgumentError(
                    f"reference={objective!r} has to be sampled, which reference_draws=0 rules "
                    "out; leave reference_draws out, or give gradients by parameter."
                )
            return None
        moments = self.sampler(objective, 1 if exact else self.draws)
        gradient = {name: -mean.mean(0) for name, mean in moments.means.items()}
        if exact:
            return Reference(gradient, {}, f"{objective!r}, exact")
        return Reference(
            gradient,
            {name: _error(moments, name) for name in moments.means},
            f"{objective!r}, mean of {moments.draws:,}",
        )


def _error(moments: GradientMoments, name: str) -> Array:
    means, count = moments.means[name], moments.draws
    total = moments.squares[name].sum(0) + moments.block_size * ((means - means.mean(0)) ** 2).sum(
        0
    )
    return np.sqrt(total / (count - 1) / count)


def _checked(
    given: Any, shapes: Mapping[str, Mapping[str, tuple[int, ...]]]
) -> dict[str, dict[str, Array]]:
    """A user's reference by group; groups that it leaves out entirely have none."""
    if not isinstance(given, Mapping):
        raise ArgumentError(
            "reference must be {parameter: gradient of the bound}, an objective such as "
            f"Enumerated(), or None; got {type(given).__name__}."
        )
    known = {name: shape for group in shapes.values() for name, shape in group.items()}
    for name, value in given.items():
        if name not in known:
            raise ArgumentError(
                f"reference has a gradient of {name!r}, which is no parameter of the pair; its "
                f"parameters are {', '.join(sorted(known))}."
            )
        array = np.asarray(value)
        if array.shape != known[name] or array.dtype.kind not in "biuf":
            raise ArgumentError(
                f"reference[{name!r}] must be an array of numbers of shape {known[name]}, got "
                f"{array.dtype} of shape {array.shape}."
            )
        if not np.isfinite(array).all():
            raise ArgumentError(f"reference[{name!r}] has values that are not finite.")
    found = {}
    for group, names in shapes.items():
        missing = sorted(set(names) - set(given))
        if missing and len(missing) < len(names):
            raise ArgumentError(
                f"reference lacks {missing[0]!r} of the {group}'s parameters; give a gradient of "
                "each, or of none of them."
            )
        if not missing:
            found[group] = {name: np.asarray(given[name], dtype=np.float64) for name in names}
    if not found:
        raise ArgumentError("reference is empty; leave it out, or give gradients by parameter.")
    return found
