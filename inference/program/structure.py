"""What objectives and evaluations ask of a pair, and refuse by the site's name."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from inference.errors import ObjectiveError, PairError
from inference.program.densities import miscounted
from inference.program.layout import Layout
from inference.program.scales import scale_shape
from inference.program.sites import Plate, Site, without_ones


@dataclass(frozen=True)
class Structure(Layout):
    """The sites of a model and its guide, with checks of what is asked of them.

    Its attributes are those of `Layout`.
    """

    def check_same_in_all_draws(self, draws: int) -> None:
        """Check that draws that are compared with each other have the same sites.

        Args:
            draws: how many of them there are.

        Raises:
            ObjectiveError: naming the sites that only some draws have.
        """
        if self.varying and draws > 1:
            raise ObjectiveError(
                f"{', '.join(map(repr, sorted(self.varying)))} is drawn in some draws of the guide "
                f"and not in others, but {draws} draws per datum are compared site by site. Take "
                "one draw, num_particles=1, or draw every site each time, with a mask where it "
                "does not count."
            )

    def check_match(self, *, summed: Iterable[str] = ()) -> None:
        """Check that the guide proposes exactly the model's latents, in the same shapes.

        Values count, not where the guide draws them: outside of the model's plates, as a part of
        one long vector, is as good where each value is there, and its log density, once. Objectives
        with weights per datum ask for more: see `check_local`.

        Args:
            summed: latents that the guide may leave to the model, because they are summed over.

        Raises:
            PairError: naming the sites that differ.
        """
        self.check_densities()
        latents = {site.name: site for site in self.latents}
        proposals = {site.name: site for site in self.proposals if not site.auxiliary}
        missing = sorted(set(latents) - set(proposals) - set(summed))
        if missing:
            finite = all(latents[name].family for name in missing)
            raise PairError(
                f"the guide has no site for the model's latent {_names(missing)}; it would stay at "
                "its prior. Add a sample statement of that name to the guide, or observe it."
                + (" Enumerated() sums over it, with no site in the guide." if finite else "")
            )
        extra = sorted(set(proposals) - set(latents))
        if extra:
            raise PairError(
                f"the guide proposes {_names(extra)}, which the model does not draw. Remove the "
                "statement, or mark it with infer={'is_auxiliary': True}."
            )
        for name, site in latents.items():
            if name in proposals:
                self._check_place(site, proposals[name])

    def _check_place(self, site: Site, proposal: Site) -> None:
        """Check that the guide's values are as many as the model's, and that their scales agree.

        Raises:
            PairError: naming the site.
        """
        ours = {(plate.dim, plate.size) for plate in site.plates}
        theirs = {(plate.dim, plate.size) for plate in proposal.plates}
        if site.event_shape == proposal.event_shape and ours == theirs:
            return
        value = proposal.whole_shape if proposal.value_shape is None else proposal.value_shape
        whole = {site.whole_shape, proposal.whole_shape, without_ones(value)}
        if theirs <= ours and len(whole) == 1:
            self._check_scaled(site, proposal)
            return
        if site.event_shape != proposal.event_shape:
            raise PairError(
                f"site {site.name!r} has event shape {site.event_shape} in the model and "
                f"{proposal.event_shape} in the guide; make them equal with .to_event()."
            )
        if ours != theirs:
            raise PairError(
                f"site {site.name!r} lies in plates {_plates(site.plates)} in the model and "
                f"{_plates(proposal.plates)} in the guide; put both in the same plates."
            )

    def _check_scaled(self, site: Site, proposal: Site) -> None:
        """Check that log q of a draw outside of a subsampled plate is scaled as log p inside.

        A value that the guide computes is drawn elsewhere: its draw may lie in the plate.
        """
        drawn = [each for each in self.proposals if each.auxiliary] if proposal.point else []
        within = {plate.name for each in (proposal, *drawn) for plate in each.plates}
        for plate in site.plates:
            if plate.full_size != plate.size and plate.name not in within:
                raise PairError(
                    f"the model draws {site.name!r} in plate {plate.name!r}, which takes "
                    f"{plate.size} rows of {plate.full_size}, and scales its log density; the "
                    "guide draws it outside and does not. Put both in the same plate."
                )

    def check_densities(self) -> None:
        """Check that no log density counts a value more than once.

        Raises:
            PairError: naming the first site of which one does.
        """
        observed = [site.plates for site in self.observed]
        of_data = frozenset.intersection(*observed) if observed else frozenset[Plate]()
        for part, sites in (("model", self.model), ("guide", self.guide)):
            for site in sites.values():
                if said := miscounted(site, part, of_data):
                    raise PairError(said)

    def check_scales(self) -> Structure:
        """Check that scales fit their sites, and return the structure.

        Raises:
            PairError: naming the first site whose scale has other rows than its log density.
        """
        for site in (*self.model.values(), *self.guide.values()):
            density, shape = site.density_shape, scale_shape(site.scale)
            if density is None or not shape:
                continue
            pairs = zip(shape[::-1], density[::-1], strict=False)
            if len(shape) > len(density) or any(one not in (1, size) for one, size in pairs):
                raise PairError(
                    f"site {site.name!r} has a scale of shape {shape} and a log density of shape "
                    f"{density}; give the scale one number for each row of the batch."
                )
        return self

    def check_observed(self, *, likelihood: bool = True) -> None:
        """Check that the model observes something, each value once, and that it has a likelihood.

        Args:
            likelihood: whether a value of log p(x) or a bound on it is wanted. Without it, a
                density that is known up to a constant is enough.

        Raises:
            PairError: naming a site that counts a value more than once.
            ObjectiveError: if it does not, or a site's density is not normalised, naming it.
        """
        self.check_densities()
        if likelihood:
            self._check_normalised()
        if all(site.factor == () for site in self.observed):
            raise ObjectiveError(
                "the model observes no site, so it has no likelihood to maximise. Pass the data to "
                "a sample statement with obs=."
            )

    def _check_normalised(self) -> None:
        """Check that p(x, z) and q(z | x) are densities, not densities times an unknown constant.

        A factor is none where its value changes with the parameters, the latents or the data; as a
        constant it only weighs the rows. What is marked as for training only is no part of the
        likelihood. Factors of a guide are left alone: autoguides write their Jacobians so.
        """
        for site in (*self.model.values(), *self.guide.values()):
            if site.normalised or site.training_only:
                continue
            will_do = (
                "Objectives that compare draws in place of likelihoods, MMD and Adversarial, take "
                "such a model if it draws data; contrastive objectives, which would learn it as it "
                "is, are not here."
            )
            if site.factor is None:
                raise ObjectiveError(
                    f"the distribution of site {site.name!r} says normalised = False: its log_prob "
                    "is known up to a constant, which the parameters may change, so that nothing "
                    f"made of it is a likelihood or a bound on one. {will_do}"
                )
            raise ObjectiveError(
                f"the model's factor {site.name!r} changes with {' and '.join(site.factor)}, so "
                "that the model's density need not integrate to one, and nothing made of it is a "
                "likelihood or a bound on one. If it is the log density of data or latents, write "
                "it as a distribution with this log_prob in a sample statement. If it only steers "
                "training, write sample(name, Unit(...), obs=..., infer={'training_only': True}). "
                f"{will_do}"
            )

    def check_reparameterised(self, objective: str) -> None:
        """Check that every proposal has a pathwise gradient.

        Raises:
            ObjectiveError: naming the first site that has none, or if there is no proposal.
        """
        self._check_draws(objective)
        for site in self.proposals:
            if not site.reparameterised:
                raise ObjectiveError(
                    f"{objective} differentiates through the draws, but the guide's draw of "
                    f"{site.name!r} is not reparameterised; it needs a distribution with rsample."
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
            raise ObjectiveError(
                f"{objective} is for discrete draws, but every draw of the guide is "
                "reparameterised."
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
        self._check_draws(objective)
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

    def _check_draws(self, objective: str) -> None:
        if not self.proposals:
            raise ObjectiveError(
                f"{objective} is about the guide's draws, and this guide draws nothing; use "
                "ELBO(), which is the exact log-likelihood where the model has no latents."
            )

    def check_pathwise(self, objective: str) -> None:
        """Check for a pathwise bound per datum: data, local latents, gradients.

        Raises:
            ObjectiveError: naming the site that does not fit.
        """
        self.check_observed()
        self.check_local(objective)
        self.check_reparameterised(objective)

    def check_pathwise_weights(self, objective: str) -> None:
        """Check for a pathwise bound with importance weights per datum.

        Raises:
            ObjectiveError: naming the site that does not fit.
        """
        self.check_pathwise(objective)
        self.check_weights(objective)
        self.check_datum(objective)

    def check_generates(self, objective: str, draw: str | None) -> None:
        """Check that the model draws data, and that a gradient goes through what it draws.

        Args:
            objective: its name.
            draw: one of `inference.program.program.DRAWS`; None where the latents alone are used.

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
        # Where nothing is observed, the draw is what the model computes of its latents.
        generated = self.generated if self.observed else None
        if draw == "mean" and generated is not None and generated.sequential:
            remedy = (
                "Use draw='sample'."
                if generated.reparameterised
                else "Its draws carry no gradient either; use an objective on its likelihood, such "
                "as ELBO()."
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
            remedy = "'straight-through' or 'relaxed'" if soft else None
            if site is generated:
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

    def check_learns_by_score(self, objective: str) -> None:
        """Check that log q of the guide's draws, with the draws held, has a gradient.

        Raises:
            ObjectiveError: naming the first point that the guide does not compute of a draw.
        """
        points = [site for site in self.proposals if site.point]
        drawn = [site for site in self.proposals if site.auxiliary and not site.point]
        fixed = [site for site in points if site.auxiliary or not drawn]
        if fixed:
            raise ObjectiveError(
                f"{objective} teaches the guide by log q of its draws, but the guide's "
                f"{fixed[0].name!r} is a point (Delta), whose log q has no gradient. Use ELBO(), "
                "or give it a distribution in the guide."
            )

    def check_local(self, objective: str) -> None:
        """Check that every latent belongs to one datum, so that values per datum make sense.

        Raises:
            ObjectiveError: naming the first latent outside the plates of the data.
        """
        data = self.observed or self.latents  # a generator has no data of its own
        data_plates = frozenset[Plate]()
        if data:
            data_plates = frozenset.intersection(*(site.plates for site in data))
        if data_plates and not self.shared_plates:
            for site in self.weighed:
                proposal = self.guide.get(site.name, site)
                if site.plates >= data_plates and not proposal.plates >= data_plates:
                    raise ObjectiveError(
                        f"{objective} weighs particles per datum, but the guide draws "
                        f"{site.name!r} for all data at once, outside of their plate "
                        f"{_plates(data_plates)}. Use ELBO(), NVIL() or RLOO(num_particles), or a "
                        "guide that draws it in the plate, such as AutoNormal."
                    )
            outside = [s for s in self.weighed if not s.plates >= data_plates]
            raise ObjectiveError(
                f"{objective} weighs particles per datum, but latent {outside[0].name!r} lies "
                f"outside the data's plate {_plates(data_plates)}. Put it inside, or use "
                "ELBO(), which needs no weights."
            )
        if data_plates:
            self._check_unpacked(objective)
            return
        for site in self.weighed:
            if math.prod(site.batch_shape) > 1:
                raise ObjectiveError(
                    f"{objective} weighs particles per datum, but site {site.name!r} has batch "
                    f"shape {site.batch_shape} and the data lie in no plate. Open a "
                    "plate('data', len(x)) around the sites of one datum, or use ELBO()."
                )

    def check_datum(self, objective: str) -> None:
        """Check that a plate says what a datum is, where there are several rows.

        Without one a bound of several draws would weigh all rows as one datum. Each is a bound on
        log p of all of them, but a looser one where rows are independent, and one that depends on
        how many come at a time. A plate of one row says that it is meant.

        Raises:
            ObjectiveError: if there is none.
        """
        if self.rows > 1 and not any(site.plates for site in self.observed):
            raise ObjectiveError(
                f"{objective} weighs particles per datum, and no plate says what a datum is: all "
                f"{self.rows} rows would be weighed as one. Put the data in plate('data', len(x)) "
                "around the sites of one datum; or, if all rows are one, such as a series, in "
                "plate('data', 1). ELBO(), which needs no weights, takes the pair as it is."
            )

    def _check_unpacked(self, objective: str) -> None:
        """Check that latents in the data's plate are not parts of a draw outside of it."""
        points = [site for site in self.weighed if site.point and site.name in self.guide]
        drawn = [site for site in self.proposals if site.auxiliary]
        if points and drawn and all(site.name in self.outside for site in drawn):
            raise ObjectiveError(
                f"{objective} weighs particles per datum, but the guide computes "
                f"{points[0].name!r} of {drawn[0].name!r}, which it draws for all data at once. "
                "Use ELBO(), NVIL() or RLOO(num_particles), or a guide that draws it in the "
                "plate, such as AutoNormal."
            )

    def check_outside(self, objective: str) -> None:
        """Check that the latents that no weight is of have a pathwise gradient.

        Raises:
            ObjectiveError: naming the first that has none.
        """
        for site in self.proposals:
            if site.name in self.outside and not site.reparameterised:
                raise ObjectiveError(
                    f"{objective} draws the global latent {site.name!r} once and differentiates "
                    "through the draw, but it is not reparameterised. Use RLOO(num_particles) or "
                    "ELBO(), which score it."
                )

    def check_weights(self, objective: str) -> None:
        """Check for importance weights per datum: local latents, and scales outside the logarithm.

        Raises:
            ObjectiveError: naming the first latent, plate or site that does not fit.
        """
        self.check_local(objective)
        shared = set(self.shared_plates)
        for site in self.weighed:
            for plate in site.plates - shared:
                if plate.full_size != plate.size:
                    raise ObjectiveError(
                        f"{objective} takes a logarithm per datum, but plate {plate.name!r} around "
                        f"site {site.name!r} subsamples within a datum, so that its scale would be "
                        "inside. Do not subsample that plate, or use ELBO()."
                    )
        odd = self.odd_among(site for site in self.weighed if not site.observed)
        if odd is not None:
            raise ObjectiveError(
                f"{objective} weighs draws of the guide's, which a scale stays outside of, but "
                f"site {odd[0]!r} {odd[1]}. Put the latents of a datum, in model and guide, under "
                "the same scale, or use ELBO(), which takes any."
            )

    def check_likelihood(self, what: str) -> None:
        """Check for a likelihood per datum: weights, and no site that counts more than others.

        Raises:
            ObjectiveError: naming the first latent, plate or site that does not fit.
        """
        self.check_weights(what)
        if self.odd_scale is not None:
            name, why = self.odd_scale
            raise ObjectiveError(
                f"{what} is about the likelihood of a datum, and leaves out a scale that all of "
                f"its sites share, but site {name!r} {why}. Take the scale out of the program, or "
                "put all sites of a datum, in model and guide, under it."
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
        inspect.signature(model).bind_partial(None, size=1)  # data may be called size as well
    except (TypeError, ValueError):
        return False
    return True


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


def _names(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)


def _plates(plates: Iterable[Plate]) -> str:
    ordered = sorted(plates, key=lambda plate: plate.dim)
    named = (f"{plate.name!r} (dim {plate.dim}, size {plate.size})" for plate in ordered)
    return ", ".join(named) or "none"
