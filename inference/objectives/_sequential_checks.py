"""What objectives on sequential models ask of a pair."""

from __future__ import annotations

from typing import Any

from inference.errors import ObjectiveError
from inference.objectives.requirements import Requirement
from inference.program.structure import Structure


def _check_no_latents(structure: Structure, objective: Any) -> None:
    if structure.latents:
        raise ObjectiveError(
            f"{objective!r} is for a model whose data are all that it draws, and this one has the "
            f"latent {structure.latents[0].name!r}. Use ELBO()."
        )


def _check_conditionals(structure: Structure, objective: Any) -> None:
    site = next((site for site in structure.observed if site.argument == 0), None)
    if site is None or not (site.sequential and site.conditional):
        name = "no site" if site is None else f"{site.name!r}"
        raise ObjectiveError(
            f"{objective!r} asks for the law of each entry of the data given those before it, but "
            f"{name} observes the data by a distribution that is sequential and has "
            "conditionals(inputs), as those of ppl_models.autoregressive have. Use ELBO()."
        )
    if not site.one_order:
        raise ObjectiveError(
            f"{objective!r} asks for the law of each entry of the data given those before it, but "
            f"the distribution of {site.name!r} is a mean over several orders, and what comes "
            "before an entry differs between them. Build the pair with orders=1, or use ELBO()."
        )


def _check_any_order(structure: Structure, objective: Any) -> None:
    site = next((site for site in structure.observed if site.argument == 0), None)
    if site is None or not (site.sequential and site.conditional and site.any_order):
        name = "no site" if site is None else f"{site.name!r}"
        raise ObjectiveError(
            f"{objective!r} learns for all orders of the entries at once, but {name} observes the "
            "data by a distribution that is sequential and has conditionals_given(inputs, held), "
            "the law of an entry given any others, as that of 'nade' has. Use ELBO()."
        )


def _check_hidden_states(structure: Structure, objective: Any) -> None:
    site = next((site for site in structure.observed if site.argument == 0), None)
    if site is None or not (site.sequential and site.hidden_states):
        name = "no site" if site is None else f"{site.name!r}"
        raise ObjectiveError(
            f"{objective!r} compares hidden states on the data with those on the model's own "
            f"draws, but {name} observes the data by a distribution that is sequential and has "
            "features(inputs), as those of ppl_models.autoregressive have. Use ELBO()."
        )


NO_LATENTS = Requirement("a model without latents", _check_no_latents)
ENTRY_BY_ENTRY = Requirement("data drawn entry by entry, with conditionals", _check_conditionals)
ANY_ORDER = Requirement("data drawn entry by entry, in any order", _check_any_order)
HIDDEN_STATES = Requirement("data drawn entry by entry, from hidden states", _check_hidden_states)
