"""What densities that are known up to a constant are asked for, to be learnt and annealed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import ObjectiveError
from inference.program.instruments import Tempering
from inference.program.sites import Site
from inference.program.structure import Structure

_ROWS = 20  # values at which ends are compared
_CLOSE = 1e-3  # nats, of each nat where there are more


def check_energy(structure: Structure, objective: str, *, kernel: bool) -> None:
    """Check for a density that is known up to a constant, and for a kernel to draw from it.

    Args:
        structure: sites and plates.
        objective: its name.
        kernel: whether chains are needed; where not, the model may have no latents.

    Raises:
        ObjectiveError: naming the site that does not fit, and what would.
    """
    structure.check_observed(likelihood=False)
    sites = [site for site in structure.model.values() if site.kernel or not site.normalised]
    if not sites:
        raise ObjectiveError(
            f"{objective} learns densities that are known up to a constant, and every density "
            "of this model integrates to one. Use ELBO(), or an objective of its likelihood."
        )
    x = next((site for site in structure.observed if site.argument == 0), None)
    if x is None:
        raise ObjectiveError(
            f"{objective} scores other data than those of the batch, but no site of the model "
            "observes the pair's first argument as it is; pass it to a sample statement with "
            "obs=."
        )
    for site in sites:
        _check_site(structure, objective, site, kernel=kernel)
    if not kernel and structure.latents:
        raise ObjectiveError(
            f"{objective} needs the density of the data alone, but the model has the latent "
            f"{structure.latents[0].name!r}. Use CD(), which takes it from the guide, or sum it "
            "out."
        )


def _check_site(structure: Structure, objective: str, site: Site, *, kernel: bool) -> None:
    if kernel and not site.kernel:
        raise ObjectiveError(
            f"{objective} draws from {site.name!r} by a Markov chain, but its distribution has "
            "no kernel. Give its class transition(value, key), a step that leaves it invariant."
        )
    if site.batch_shape != (structure.rows,):
        raise ObjectiveError(
            f"{objective} needs a density for each datum, but site {site.name!r} has batch "
            f"shape {site.batch_shape} for {structure.rows} rows. Draw it in one plate of the data"
            ", with all that belongs to a datum as its event."
        )
    if kernel and not site.observed and not structure.can_draw:
        raise ObjectiveError(
            f"{objective} runs chains of the latent {site.name!r} without data, but the model "
            "takes no size=; write model(x=None, *, size=1)."
        )


def check_corrupted(structure: Structure, objective: str) -> None:
    """Check for a latent that the guide draws and no density of the model scores.

    Raises:
        ObjectiveError: naming what there is in its place.
    """
    structure.check_match()
    structure.check_observed(likelihood=False)
    latents = structure.latents
    if not any(not site.normalised and not site.kernel for site in latents):
        found = f"latent {latents[0].name!r} has a density" if latents else "there is no latent"
        raise ObjectiveError(
            f"{objective} learns data given a corrupted copy that the guide draws and no prior "
            f"scores, but {found}. Draw the copy from a counting measure in the model, a "
            "distribution of log_prob zero that says normalised = False; "
            "valid_objectives(pair, x[:10]) names what takes this model as it is."
        )
    if not any(site.argument == 0 for site in structure.observed):
        raise ObjectiveError(
            f"{objective} shows the guide what the chain draws, but no site of the model observes "
            "the pair's first argument as it is; pass it to a sample statement with obs=."
        )
    if not structure.can_draw:
        raise ObjectiveError(
            f"{objective} draws data given a corrupted copy, but the model takes no size=; write "
            "model(x=None, *, size=1)."
        )


def check_conditionals(structure: Structure, objective: str) -> None:
    """Check that the density of each entry given all others can be worked out.

    Raises:
        ObjectiveError: naming the site whose entries are neither binary nor have it.
    """
    for site in structure.model.values():
        unknown = site.kernel or not site.normalised
        if unknown and not site.full_conditionals and site.support != "boolean":
            raise ObjectiveError(
                f"{objective} reports the density of each entry given all others, but "
                f"{site.name!r} is not binary. Give its class "
                "log_conditionals(value, columns), or use ScoreMatching() or NCE()."
            )


def check_predicts(structure: Structure, objective: str) -> None:
    """Check for a machine whose mean field predicts binary data.

    Raises:
        ObjectiveError: if there is none, or the site of the data is not one that it predicts.
    """
    able = [site for site in structure.model.values() if site.predicts]
    if len(able) != 1:
        raise ObjectiveError(
            f"{objective} learns by the mean field of a machine such as the model 'dbm', and "
            f"{'no' if not able else 'more than one'} distribution of this model has "
            "predict(x, held, sweeps), the log odds of entries of x given those that are held."
        )
    x = next((site for site in structure.observed if site.argument == 0), None)
    if x is None or x.support != "boolean" or len(x.event_shape) != 1:
        raise ObjectiveError(
            f"{objective} predicts entries of binary data that the model observes as they are, "
            "rows of one vector each; pass the pair's first argument to such a sample statement "
            "with obs=."
        )


def check_real_data(structure: Structure, objective: str) -> None:
    """Check that the density of the data has a slope by them.

    Raises:
        ObjectiveError: naming the site that has finitely many values.
    """
    for site in structure.observed:
        if site.support not in ("real", "realvector"):
            raise ObjectiveError(
                f"{objective} takes the slope of a density by the data, but the support of "
                f"{site.name!r} is {site.support or 'not known'}. Use CD(), NCE() or "
                "PseudoLikelihood()."
            )


def check_ends(tempered: Tempering, base: Any, rows: NDArray[Any]) -> None:
    """Check that the laws of the temperatures begin at the base and end at the density.

    What chains add from one to the next is the difference of two constants, those of temperatures 0
    and 1: between other laws it is a number, and of something else.

    Args:
        tempered: the law between the base and itself.
        base: where it begins.
        rows: some values of the site.

    Raises:
        ObjectiveError: saying which end is elsewhere.
    """
    first, cold, warm, last = tempered.ends(rows[:_ROWS], base)
    apart = warm - last
    if tempered.normalised:  # temperatures are of the energy, which is known up to the constant
        apart = apart - apart[0]
    ends = (0, "of the base", cold - first, first), (1, "of the distribution", apart, last)
    for beta, whose, difference, value in ends:
        wrong = ~(abs(difference) <= _CLOSE * np.maximum(1.0, abs(value)))  # also where it is NaN
        if wrong.any():
            raise ObjectiveError(
                f"tempered({beta}, base) of the distribution of site {tempered.name!r} has to "
                f"score as log_prob {whose} itself, and is {difference[wrong][0]:.4g} nats away "
                "at a value: chains between other laws find another constant. Let tempered(beta, "
                "base) be beta times its own energy plus 1 - beta times the base's."
            )
