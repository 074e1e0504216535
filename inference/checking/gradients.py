"""Checks of gradients: each is what finite differences give."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from inference.checking.context import Context
from inference.checking.definition import Mistake, Skip, check
from inference.checking.parameters import gradients_of, without_gradient_here
from inference.checking.saturation import saturated_sites
from inference.program.records import Slopes


def _agrees(context: Context, which: str, meaning: str) -> Iterator[Mistake]:
    if which not in gradients_of(context):
        raise Skip(f"{meaning} has no such gradient: " + _WHY[which])
    moved = context.moved(which)
    if not moved:
        raise Skip(f"{meaning} has no parameters of its own.")
    drawn = {run.distribution for run in context.guide.sites.values()} & _IN_THE_MEAN
    if which == "path" and drawn:
        raise Skip(
            f"the gradient of a {min(drawn)}'s draw is right in the mean, and not that of one draw "
            "from one seed, which finite differences follow."
        )
    # Those without any gradient have a check of their own. One that another call trains may be
    # held in this one, such as a network that was trained before under no_grad().
    dead = {part for each in ("model", "guide") for part in without_gradient_here(context, each)}
    along = frozenset(moved - dead)
    # The kink of a ReLU inside of the step is bad luck, which does not come twice.
    slopes = context.slopes(which, along=along)
    if _met(slopes):
        return
    again = context.slopes(which, rng_seed=1, along=along)
    if not (np.isfinite(slopes.difference) or np.isfinite(again.difference)):
        raise Skip(f"{meaning} has no finite differences: a small step leaves a support.")
    if not _met(again):
        if which != "guide" and (sites := saturated_sites(context)):
            raise Skip(f"probabilities of {sites[0]!r} lie too near to 0 or 1 to be told apart.")
        # Solvers of differential equations work out gradients up to a tolerance of their own.
        nearly = _met(slopes, within=_NEARLY) and _met(again, within=_NEARLY)
        why = (
            "a solver's tolerance is too large (rtol=, atol=), or a part of it is cut off."
            if nearly
            else "a part of it is cut off."
        )
        yield Mistake(
            f"along one direction of the parameters the gradient of {meaning} is "
            f"{slopes.along:.6g}, but finite differences give {slopes.difference:.6g}; {why} "
            "Look for .detach(), .data, no_grad() or stop_gradient.",
            level="note" if nearly else "error",
        )


_NEARLY = 0.01


def _met(slopes: Slopes, within: float = 1e-4) -> bool:
    """Whether finite differences meet the gradient."""
    relative = within if slopes.precise else 0.1  # in float32 the step is so long that it curves
    allowed = slopes.rounding + relative * (slopes.size + abs(slopes.difference)) + 1e-6
    return abs(slopes.along - slopes.difference) <= allowed


_IN_THE_MEAN = frozenset(  # drawn by rejection, or moved along a field that is not the draw's own
    [
        *("Beta", "Chi2", "Dirichlet", "FisherSnedecor", "Gamma", "InverseGamma", "StudentT"),
        *("AVFMultivariateNormal", "GaussianScaleMixture", "MixtureOfDiagNormals"),
        *("MixtureOfDiagNormalsSharedCovariance", "OMTMultivariateNormal", "VonMises"),
    ]
)
_WHY = {
    "model": "the model observes nothing.",
    "guide": "there are no draws, a flow without an inverse, or point masses.",
    "path": "there are no draws, or some without rsample.",
}


@check(needs=("gradients-are-finite",))
def gradient_of_log_p(context: Context) -> Iterator[Mistake]:
    """The gradient of log p is right."""
    steering = [name for name, run in context.model.sites.items() if run.site.training_only]
    if steering:
        raise Skip(f"{steering[0]!r} steers training alone, and may stop a gradient on purpose.")
    yield from _agrees(context, "model", "log p at fixed latents")


@check(needs=("gradients-are-finite",))
def gradient_of_log_q(context: Context) -> Iterator[Mistake]:
    """The gradient of log q is right."""
    yield from _agrees(context, "guide", "log q at fixed latents")


@check(needs=("gradients-are-finite",))
def gradient_through_draws(context: Context) -> Iterator[Mistake]:
    """The gradient through the guide's draws is right."""
    yield from _agrees(context, "path", "log p - log q at the guide's draws")
