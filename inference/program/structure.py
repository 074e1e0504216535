"""What objectives and evaluations ask of a pair, and refuse by the site's name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from inference.errors import ObjectiveError
from inference.program.likelihood import Likelihood


class NothingDrawnError(ObjectiveError):
    """A batch draws nothing of what an objective is for, which other batches of its run may."""


@dataclass(frozen=True)
class Structure(Likelihood):
    """The sites of a model and its guide, with checks of what is asked of them.

    Its attributes are those of `Layout`. Here are the checks of gradients and of draws.
    """

    def check_reparameterised(self, objective: str) -> None:
        """Check that every proposal has a pathwise gradient.

        Raises:
            ObjectiveError: naming the first site that has none, or if there is no proposal.
        """
        self.check_draws(objective)
        for site in self.proposals:
            if not site.reparameterised:
                raise ObjectiveError(
                    f"{objective} differentiates through the draws, but the guide's draw of "
                    f"{site.name!r} is not reparameterised; it needs a distribution with rsample. "
                    "ELBO() and RLOO(num_particles=5) score such draws instead."
                )

    def check_relaxable(self, objective: str, families: tuple[str, ...]) -> None:
        """Check that there are discrete proposals, each of one of the families and in the model.

        Raises:
            ObjectiveError: naming the first site that does not fit.
        """
        self.check_observed()
        self.check_local(objective)
        scored = [site for site in self.proposals if not site.reparameterised]
        if not scored:
            raise NothingDrawnError(
                f"{objective} is for discrete draws, but every draw of the guide is "
                "reparameterised. Use ELBO(), which goes through the draws."
            )
        for site in scored:
            in_model = self.model.get(site.name, site).family
            if site.family not in families or in_model != site.family:
                integers = (
                    " An integer has no relaxation: write the draw as one-hot (Pyro's "
                    "OneHotCategorical, NumPyro's Multinomial with total_count=1)."
                    if site.family == "categorical" and "one-hot" in families
                    else ""
                )
                raise ObjectiveError(
                    f"{objective} needs draws of the family {' or '.join(families)} in model and "
                    f"guide; {site.name!r} is {site.family or 'another'} in the guide and "
                    f"{in_model or 'another'} in the model.{integers}"
                )

    def check_dreams(self, objective: str) -> None:
        """Check that data drawn from the model can be handed to the guide, latents and all.

        Raises:
            ObjectiveError: naming the first observed site that is no argument of the pair, or the
                first proposal that the model does not draw.
        """
        self.check_draws(objective)
        self._check_unsteered(objective)
        self.check_drawn_by_model(objective)
        for site in self.proposals:
            if site.point:
                raise ObjectiveError(
                    f"{objective} asks the guide for the density of latents that the model drew, "
                    f"but the guide's {site.name!r} is a point (Delta), which has a density at its "
                    "own value alone. Use ELBO(), or give it a distribution in the guide."
                )
            if site.name not in self.model:
                raise ObjectiveError(
                    f"{objective} scores the model's own draws under the guide, but the guide's "
                    f"{site.name!r} is none of the model's sites, so that it has no value in them "
                    "(packed autoguides such as AutoMultivariateNormal draw one vector for all "
                    "latents). Give each latent a statement of its own in the guide."
                )
        for site in self.observed:
            if site.argument is None:
                raise ObjectiveError(
                    f"{objective} shows the guide data drawn from the model, but what "
                    f"{site.name!r} observes is not itself an argument of model and guide. Pass "
                    "the data as an argument and observe it as it is."
                )

    def check_draws(self, objective: str) -> None:
        """Check that the guide draws something.

        Raises:
            ObjectiveError: if it does not.
        """
        if not self.proposals:
            known = all(site.normalised for site in self.model.values())
            remedy = (
                "ELBO(), which is the exact log-likelihood where the model has no latents"
                if known
                else "CD(), which learns a density up to a constant without a guide"
            )
            raise NothingDrawnError(
                f"{objective} is about the guide's draws, and this guide draws nothing; use "
                f"{remedy}."
            )

    def check_pathwise(self, objective: str) -> None:
        """Check for a pathwise bound per datum: data, local latents, gradients.

        Raises:
            ObjectiveError: naming the site that does not fit.
        """
        self.check_observed()
        self.check_local(objective)
        self.check_reparameterised(objective)

    def check_generates(
        self, objective: str, draw: str | None, *, up_to_a_constant: bool = False
    ) -> None:
        """Check that the model draws data, and that a gradient goes through what it draws.

        Args:
            objective: its name.
            draw: one of `inference.program.program.DRAWS`; None where the latents alone are used.
            up_to_a_constant: whether a draw's score may lack what all draws' have in common.

        Raises:
            ObjectiveError: naming the first site that does not fit, and what would.
        """
        if not self.can_draw:
            raise ObjectiveError(
                f"{objective} needs data drawn from the model, but its signature has no size=; "
                "write model(x=None, *, size=1), drawing `size` rows where x is None."
            )
        if self.observed and not any(site.argument == 0 for site in self.observed):
            raise ObjectiveError(
                f"{objective} compares the model's draws with the data, but no site of the model "
                "observes the pair's first argument as it is; pass it to a sample statement with "
                "obs=."
            )
        self.check_drawn_by_model(objective)
        chained = next((site for site in self.model.values() if site.kernel), None)
        if chained is not None and not up_to_a_constant:
            raise ObjectiveError(
                f"{objective} differentiates through the model's draws, but {chained.name!r} is "
                "drawn by a Markov chain, through which no gradient goes. CD() learns by such "
                "draws, and MMD(draw='score') and Adversarial(draw='score') by their densities."
            )
        if draw == "score":
            return  # no gradient goes through the draws
        # Where nothing is observed, the draw is what the model computes of its latents.
        generated = self.generated if self.observed else None
        if draw == "mean" and generated is not None and generated.sequential:
            remedy = (
                "Use draw='sample'."
                if generated.reparameterised
                else "Its draws carry no gradient either; use draw='score', or an objective on its "
                "likelihood, such as ELBO()."
            )
            raise ObjectiveError(
                f"{objective} compares what the model returns with the data, but "
                f"{generated.name!r} is drawn entry by entry, each given others of the same draw: "
                f"under draw='mean' its mean depends on its own draw and is no datum. {remedy}"
            )
        for site in (*self.latents, *([] if generated is None else [generated])):
            if site is generated and draw in ("mean", None):
                continue
            if site.reparameterised:
                continue
            soft = site.family in ("bernoulli", "one-hot")
            if soft and draw in ("relaxed", "straight-through"):
                continue
            binary = site is generated and site.sequential and "boolean" in site.support
            if binary and draw == "straight-through":
                continue
            remedy = "'straight-through' or 'relaxed'" if soft else None
            if site is generated and site.sequential:
                remedy = "'score'" + " or 'straight-through'" * binary
            elif site is generated:
                remedy = f"'mean'{', ' + remedy if remedy else ''}"
            raise ObjectiveError(
                f"{objective} differentiates through the model's draws, but that of {site.name!r} "
                f"under draw={draw or 'mean'!r} carries no gradient. "
                + (f"Use draw={remedy}." if remedy else "It needs a reparameterised draw.")
            )

    def check_scorable(self, objective: str) -> None:
        """Check that the guide can score values that it has not just drawn itself.

        Raises:
            ObjectiveError: naming the first site that cannot.
        """
        for site in self.proposals:
            if not site.scorable:
                raise ObjectiveError(
                    f"{objective} scores copies of the draws, but the guide's {site.name!r} is a "
                    "flow whose inverse is not known, so only its own draws have a density. Use a "
                    "flow with an inverse, such as an inverse autoregressive one."
                )

    def check_learns_by_score(
        self, objective: str, how: str = "teaches the guide by log q of its draws"
    ) -> None:
        """Check that log q of the guide's draws, with the draws held, has a gradient.

        Args:
            objective: that needs it; named in the error.
            how: what it needs it for.

        Raises:
            ObjectiveError: naming the first point that the guide does not compute of a draw.
        """
        self.check_apart_from_draws(objective, ("value", "density"))
        points = [site for site in self.proposals if site.point]
        drawn = [site for site in self.proposals if site.auxiliary and not site.point]
        fixed = [site for site in points if site.auxiliary or not drawn]
        if fixed:
            raise ObjectiveError(
                f"{objective} {how}, but the guide's "
                f"{fixed[0].name!r} is a point (Delta), whose log q has no gradient. Use ELBO(), "
                "or give it a distribution in the guide."
            )

    def check_apart_from_draws(self, objective: str, parts: tuple[str, ...]) -> None:
        """Check that parameters act through the densities of the guide's draws alone.

        A point that is computed of a draw *and* of parameters, such as loc + scale * noise, has a
        density of its own in which they stand, whose mean gradient is not zero. Where all are
        points, their values take the place of draws.

        Raises:
            ObjectiveError: naming the first site that is computed so, or a factor.
        """
        self._check_unsteered(objective)
        counted = set(parts)
        if all(site.point for site in self.proposals):
            counted -= {"value"}
        for site in self.guide.values():
            if site.direct & counted:
                raise ObjectiveError(
                    f"{objective} takes the gradient through draws apart from that through log q, "
                    f"but the guide's {site.name!r} is computed of parameters, beside a draw of "
                    "other sites. Use ELBO() or IWAE(), or draw it from a distribution that has "
                    "these parameters."
                )

    def _check_unsteered(self, objective: str) -> None:
        if self.steering:
            raise ObjectiveError(
                f"{objective} takes log q for the density of the guide's draws, but the guide's "
                f"factor {min(self.steering)!r} is none: it steers training, and would count with "
                "another sign or not at all. Use ELBO(), IWAE() or RLOO(num_particles), or leave "
                "it out."
            )


def can_draw(model: Callable[..., Any]) -> bool:
    """Whether a model takes `size=`, the number of rows to draw."""
    while (wrapped := getattr(getattr(model, "__self__", None), "wrapped", None)) is not None:
        model = wrapped[0] if isinstance(wrapped, tuple) else wrapped.model  # of a fitted pair
    while any(base.__name__ == "Messenger" for base in inspect.getmro(type(model))):
        inner: Any = getattr(model, "fn", None)  # a handler takes whatever its program takes
        if not callable(inner):
            break
        model = inner
    model = getattr(model, "forward", model)  # a network's own call takes anything
    try:
        signature = inspect.signature(model)
        signature.bind_partial(None, size=1)  # data may be called size as well
    except (TypeError, ValueError):
        return False
    # By **kwargs it may be meant for another; then a model that draws has its data optional.
    first = next(iter(signature.parameters.values()))
    required = first.kind is first.POSITIONAL_OR_KEYWORD and first.default is first.empty
    return "size" in signature.parameters or not required


def data_arguments(seen: Iterable[int | None]) -> set[int]:
    """Positions of the arguments that are data, not what the data are given.

    Args:
        seen: by observed site the position of the argument that it observes; None for a part of
            one, or something made of it.
    """
    positions = set(seen)
    if positions and None not in positions:
        return {position for position in positions if position is not None}
    return {0, *(position for position in positions if position is not None)}
