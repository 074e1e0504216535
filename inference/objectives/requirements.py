"""What objectives ask of a pair, each a value with its words and its refusal.

An objective names its own in `needs`. From these come its refusal, what `valid_objectives` says,
and the table of `docs/objectives.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from inference.errors import ObjectiveError
from inference.program.energy_conditions import (
    check_conditionals,
    check_corrupted,
    check_energy,
    check_predicts,
    check_real_data,
)
from inference.program.structure import Structure


@dataclass(frozen=True)
class Requirement:
    """Something that an objective needs of a pair.

    Attributes:
        words: what it is, as the end of "needs ...".
        refuse: raises `ObjectiveError`, naming the site and what would work, where a structure
            does not fulfil it; it is given the structure and the objective.
        setting: the objective's setting that decides whether it is needed; empty: it always is.
        values: those of the setting for which it is.
    """

    words: str
    refuse: Callable[[Structure, Any], None]
    setting: str = ""
    values: tuple[Any, ...] = ()

    def when(self, setting: str, *values: Any) -> Requirement:
        """The same, needed only where a setting of the objective has one of some values."""
        return replace(self, setting=setting, values=values)

    def check(self, objective: Any, structure: Structure) -> None:
        """Refuse a structure that does not fulfil it.

        Raises:
            ObjectiveError: naming the site and what would work.
        """
        if not self.setting or getattr(objective, self.setting) in self.values:
            self.refuse(structure, objective)

    @property
    def condition(self) -> str:
        """Where it is needed, as the beginning of a phrase; empty: always."""
        values = " or ".join(map(repr, self.values))
        return f"with {self.setting}={values}: " if self.setting else ""

    def __str__(self) -> str:
        return f"{self.condition}{self.words}"


OBSERVED = Requirement("observed data", lambda s, o: s.check_observed())
"""A site that observes the data, and a density that is one."""

DRAWS = Requirement("latents", lambda s, o: s.check_draws(repr(o)))
"""A guide that draws something."""

LOCAL = Requirement("latents of each datum", lambda s, o: s.check_local(repr(o)))
"""Every latent lies in the plates of the data."""

REPARAMETERISED = Requirement(
    "reparameterised draws", lambda s, o: s.check_reparameterised(repr(o))
)
"""Every draw of the guide has a pathwise gradient."""


def _check_weights(structure: Structure, objective: Any) -> None:
    structure.check_weights(repr(objective))
    structure.check_datum(repr(objective))


WEIGHTS = Requirement("one weight per datum", _check_weights)
"""A plate that says what a datum is, and its latents under one scale, which stays outside."""

GLOBALS_REPARAMETERISED = Requirement(
    "reparameterised global draws", lambda s, o: s.check_outside(repr(o))
)
"""Latents that no weight is of have a pathwise gradient."""

SCORABLE = Requirement("an inverse of the guide's flows", lambda s, o: s.check_scorable(repr(o)))
"""The guide can score values that it has not just drawn itself."""

SCORED = Requirement(
    "a guide of distributions, not points", lambda s, o: s.check_learns_by_score(repr(o))
)
"""log q of the guide's draws, with the draws held, has a gradient."""

SQUARED = "weighs the guide's gradient by squared weights, whose place is that of log q"
DENSE = Requirement(
    "a guide of distributions, not points",
    lambda s, o: s.check_learns_by_score(repr(o), SQUARED),
)
"""What a gradient of log q would give is said by that of the draws, as it is of no point."""

APART = Requirement(
    "parameters of the guide that act through its draws",
    lambda s, o: s.check_apart_from_draws(repr(o), ("value", "density")),
)
"""No point of the guide is computed of parameters beside a draw."""

APART_IN_DENSITY = Requirement(
    "parameters of the guide that act through its draws",
    lambda s, o: s.check_apart_from_draws(repr(o), ("density",)),
)
"""The same for an objective that takes all of the gradient by a point's value."""


def _check_dreams(structure: Structure, objective: Any) -> None:
    structure.check_same_in_all_draws(objective=repr(objective))
    structure.check_dreams(repr(objective))
    for site in structure.observed:
        if site.totals_unknown:
            raise ObjectiveError(
                f"{objective!r} draws {site.name!r} from the model, but its totals come with the "
                "rows, and a compiled step has to know the largest. Write "
                "Multinomial(total_count, probs, total_count_max=...), or use RWS(num_particles)."
            )


DREAMS = Requirement(
    "data as an argument of the guide and latents that the model draws", _check_dreams
)
"""Data drawn from the model can be handed to the guide, latents and all."""


def _check_relaxable(structure: Structure, objective: Any) -> None:
    # A relaxed draw is neither of the values between which the program branches.
    structure.check_same_in_all_draws(objective=repr(objective))
    structure.check_relaxable(repr(objective), ("bernoulli", "one-hot"))


BERNOULLI_OR_ONE_HOT = Requirement("Bernoulli or one-hot draws", _check_relaxable)
"""Discrete latents of each datum that have a relaxation."""


def _check_entries_apart(structure: Structure, objective: Any) -> None:
    for site in structure.proposals:
        if site.stepwise:
            raise ObjectiveError(
                f"{objective!r} changes all entries of {site.name!r} at once, but the guide draws "
                "it in a scan whose steps go on with the draws of steps before. Use "
                "RLOO(num_particles=5) or NVIL(), which score the steps as they were drawn; or "
                "write the steps in a Python loop, each a site of its own."
            )


ENTRIES_APART = Requirement(
    "entries of a site that are independent given the sites before it", _check_entries_apart
)
"""No steps of a scan, in one site, that depend on the steps before."""


def _check_drawn(structure: Structure, objective: Any) -> None:
    scored = objective.draw == "score"
    # Of one site alone, all rows have the same constant.
    free = scored and objective.constant_cancels and len(structure.model) == 1
    structure.check_generates(repr(objective), objective.draw, up_to_a_constant=free)
    for site in structure.model.values() if scored else ():
        if not ((site.normalised or free) and site.scorable and site.plates):
            raise ObjectiveError(
                f"{objective!r} learns by the score of what the model draws, row by row, but "
                f"{site.name!r} has no log density of each row. Use another draw=."
            )


DRAWN_DATA = Requirement("a model that draws data, with a gradient", _check_drawn)
"""`model(None, size=...)`, differentiable under the objective's setting `draw`, or scored."""

DRAWN_LATENTS = Requirement(
    "a model that draws its latents", lambda s, o: s.check_generates(repr(o), None)
)
"""`model(None, size=...)`, of which the latents alone are used."""


def _check_kept(structure: Structure, objective: Any) -> None:
    if structure.kept != objective.keeps:
        raise ObjectiveError(
            f"{objective!r} needs {objective.beside} as the last array of the data, beside what "
            "the pair takes: fit(pair, (x, ...), objective=...)."
        )


BESIDE = Requirement("an array of the objective's own after the pair's", _check_kept)
"""Data that end with what the objective itself looks at: see `Objective.keeps`."""

CHAINS = Requirement(
    "a density known up to a constant, with a kernel",
    lambda s, o: check_energy(s, repr(o), kernel=True),
)
"""Sites whose distribution has `transition(value, key)`, and data that the model observes."""

ENERGY = Requirement(
    "a density of the data known up to a constant",
    lambda s, o: check_energy(s, repr(o), kernel=False),
)
"""A model without latents that scores data up to a constant."""


CORRUPTED = Requirement(
    "a corrupted copy of the data that the guide draws and no prior scores",
    lambda s, o: check_corrupted(s, repr(o)),
)
"""A latent of a counting measure, and a model that draws data given it."""

CONDITIONALS = Requirement(
    "binary data, or a density with `log_conditionals`",
    lambda s, o: check_conditionals(s, repr(o)),
)
"""The density of each entry given all others can be worked out."""

REAL_DATA = Requirement("real data", lambda s, o: check_real_data(s, repr(o)))
"""The density of the data has a slope by them."""

PREDICTS = Requirement(
    "a machine with `predict`, and binary data", lambda s, o: check_predicts(s, repr(o))
)
"""A site whose distribution predicts entries of the data from others by mean field."""
