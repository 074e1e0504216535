"""What a trace of a pair says about its sites and plates, in words of no framework."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.engines.densities import miscounted
from inference.engines.scales import TracedScale, odd_one_out, same_scale, scale_shape
from inference.errors import ObjectiveError, PairError

DATA, LATENTS, PARAMETERS = "the data", "the latents", "the parameters"
"""What a factor statement's value may be computed from, in words for errors."""


@dataclass(frozen=True)
class Plate:
    """A conditional-independence plate as a trace shows it.

    Attributes:
        name: the plate's name.
        dim: the batch dimension that it occupies, negative, counted from the right.
        size: how many rows are inside, after subsampling.
        full_size: how many there would be without subsampling.
    """

    name: str
    dim: int
    size: int
    full_size: int


@dataclass(frozen=True)
class Site:
    """A sample statement.

    Attributes:
        name: the site's name.
        observed: whether its value is data.
        reparameterised: whether its draw carries a gradient to its parameters.
        event_shape: shape of one draw.
        batch_shape: shape of its independent draws, particles not counted.
        plates: the plates around it.
        auxiliary: whether a guide declares it as not belonging to the model.
        support: name of the distribution's support, such as `"boolean"` or `"real"`.
        inside: whether values lie in the support, entry by entry; None if that is not known.
        argument: position of the batch array that an observed site observes, if it is one.
        family: `"bernoulli"`, `"categorical"` (integers) or `"one-hot"` for draws with finitely
            many values, otherwise empty.
        cardinality: how many values one element of such a draw can take.
        training_only: whether an observed site steers training and is no part of the likelihood
            (a model says so with `infer={"training_only": True}`).
        scorable: whether the density of any value is known, not only of the site's own draw; it is
            not for a flow whose transform has no inverse.
        enumerated: whether the program marks it for enumeration (`infer={"enumerate": ...}`), so
            that a loss which sums over such sites needs no draw of it.
        scale: factor on its log density, from plates and handlers: a number, an array that
            broadcasts over the batch, or what is known of one that is being compiled.
        parents: the latents that its distribution depends on; None if that is not known, and it
            may be all that were drawn before it.
        value_shape: shape of the value that the site has, drawn or observed; None if not known.
        density_shape: shape of the log density of that value; None if not known.
        normalised: whether its density integrates to one over the values of the site. A class of
            distributions says that it does not with an attribute `normalised = False`.
        sequential: whether one entry of a draw is drawn given others of the same draw, so that the
            mean of such a law depends on its own draw (`sequential = True` on the class).
        factor: of a `factor` statement what its value is computed from, among `DATA`, `LATENTS` and
            `PARAMETERS`; empty for a constant, which only weighs the rows; None at other sites.
        by_row: whether the support comes with the rows, such as totals of a Binomial, so that
            `inside` is about these rows only.
        is_nan: whether the log density of some element is not a number, on data with missing
            values; it is not where the program masks them.
        point: whether it is a Delta: all its mass lies at one value, computed before.
    """

    name: str
    observed: bool
    reparameterised: bool
    event_shape: tuple[int, ...]
    batch_shape: tuple[int, ...]
    plates: frozenset[Plate]
    auxiliary: bool = False
    support: str = ""
    inside: Callable[[NDArray[Any]], NDArray[np.bool_]] | None = None
    argument: int | None = None
    family: str = ""
    cardinality: int = 0
    training_only: bool = False
    scorable: bool = True
    enumerated: bool = False
    scale: Any = field(default=1.0, compare=False)
    parents: frozenset[str] | None = None
    value_shape: tuple[int, ...] | None = None
    density_shape: tuple[int, ...] | None = None
    normalised: bool = True
    sequential: bool = False
    factor: tuple[str, ...] | None = None
    by_row: bool = False
    is_nan: bool = False
    point: bool = False

    @property
    def whole_shape(self) -> tuple[int, ...]:
        """Batch and event shape in one, without ones on the left."""
        return _without_ones(self.batch_shape + self.event_shape)


@dataclass(frozen=True)
class Structure:
    """The sites of a model and its guide, in the order in which they run.

    Attributes:
        model: the model's sites by name.
        guide: the guide's sites by name.
        can_draw: whether the model draws rows of data: `model(None, size=n)`.
        labelled: whether the pair is given whole numbers besides x.
        varying: sites that the guide has in some draws on these rows and not in others.
        outside: latents that no importance weight is of: see `nested`.
        on: the structure of the same pair on other rows, given as arrays; None while a step is
            being compiled.
    """

    model: Mapping[str, Site]
    guide: Mapping[str, Site]
    can_draw: bool = False
    labelled: bool = False
    varying: frozenset[str] = frozenset()
    outside: frozenset[str] = frozenset()
    on: Callable[[tuple[Any, ...]], Structure] | None = field(
        default=None, repr=False, compare=False
    )

    @property
    def observed(self) -> list[Site]:
        """The model's observed sites."""
        return [site for site in self.model.values() if site.observed]

    @property
    def latents(self) -> list[Site]:
        """The model's latent sites."""
        return [site for site in self.model.values() if not site.observed]

    @property
    def left_out(self) -> frozenset[str]:
        """The model's latents that the guide leaves out: they are summed over, or held."""
        return frozenset(site.name for site in self.latents) - set(self.guide)

    @property
    def proposals(self) -> list[Site]:
        """The guide's sites that propose a value."""
        return [site for site in self.guide.values() if not site.observed]

    @property
    def generated(self) -> Site:
        """The site that makes the data: it observes the pair's first argument."""
        return next(site for site in self.observed if site.argument == 0)

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

    @property
    def unscored(self) -> list[str]:
        """Sites whose log density is not a number on these rows, which have missing values."""
        sites = (*self.model.values(), *self.guide.values())
        return [site.name for site in sites if site.is_nan]

    @property
    def training_only(self) -> set[str]:
        """The observed sites that are no part of the likelihood."""
        return {site.name for site in self.observed if site.training_only}

    @property
    def marked_for_enumeration(self) -> set[str]:
        """The model's latents that `TraceEnum_ELBO` sums over where the guide leaves them out."""
        return {site.name for site in self.latents if site.enumerated}

    @cached_property
    def shared_plates(self) -> tuple[Plate, ...]:
        """The plates around every site, outermost first: one importance weight per cell."""
        everywhere: frozenset[Plate] | None = None
        for site in self.weighed:
            everywhere = site.plates if everywhere is None else everywhere & site.plates
        return tuple(sorted(everywhere or (), key=lambda plate: plate.dim))

    @cached_property
    def weighed(self) -> list[Site]:
        """The sites that importance weights are of: all, but for those that lie outside.

        What a guide's trace observes are factors, a part of log q like its draws.
        """
        every = (*self.model.values(), *self.guide.values())
        return [site for site in every if site.name not in self.outside]

    @cached_property
    def globals(self) -> frozenset[str]:
        """Latents in none of the data's plates, where no plate is around all sites."""
        if self.shared_plates or not self.observed:
            return frozenset()
        data = frozenset.intersection(*(site.plates for site in self.observed))
        if not data:
            return frozenset()
        every = (*self.latents, *self.guide.values())
        return frozenset(site.name for site in every if not site.plates & data)

    @cached_property
    def nested(self) -> Structure:
        """The structure in which each datum is weighed given one draw of the globals.

        It is this one where there are no globals beside local latents.
        """
        names = {site.name for site in (*self.latents, *self.guide.values())}
        if not self.globals or self.globals == names:
            return self
        return replace(self, outside=self.globals)

    @property
    def follows_scores(self) -> bool:
        """Whether it matters which costs a draw can change: some draw is scored beside others."""
        return len(self.proposals) > 1 and not all(s.reparameterised for s in self.proposals)

    def with_parents(
        self, model: Mapping[str, frozenset[str]], guide: Mapping[str, frozenset[str]]
    ) -> Structure:
        """The structure with the latents that each site depends on."""
        return replace(
            self,
            model={n: replace(site, parents=model[n]) for n, site in self.model.items()},
            guide={n: replace(site, parents=guide[n]) for n, site in self.guide.items()},
        )

    def is_local(self, name: str) -> bool:
        """Whether the guide draws a site anew for each datum."""
        plates = self.nested.shared_plates
        return bool(plates) and self.guide[name].plates >= set(plates)

    @cached_property
    def odd_scale(self) -> tuple[str, str] | None:
        """The first site whose scale is not that of the other sites of a datum, and why.

        Sites that are for training only may weigh what they like.
        """
        return self._odd([site for site in self.weighed if not site.training_only])

    @cached_property
    def unscaled(self) -> frozenset[str]:
        """The sites whose scale stays outside of a logarithm: what the latents have in common.

        An observed site may have another one, which then tempers the likelihood. Empty where the
        latents have several, or a scale of zero: then every scale is a part of its site's term.
        """
        counted = [site for site in self.weighed if not site.training_only]
        latents = [site for site in counted if not site.observed] or counted
        if not latents or self._odd(latents) is not None:
            return frozenset()
        outside = latents[0].scale
        if not isinstance(outside, TracedScale) and not np.all(outside):
            return frozenset()
        return frozenset(s.name for s in counted if same_scale(s.scale, outside))

    def _odd(self, sites: Iterable[Site]) -> tuple[str, str] | None:
        dims = {plate.dim for plate in self.shared_plates}
        return odd_one_out(((site.name, site.scale) for site in sites), dims)

    @cached_property
    def scale(self) -> float:
        """Full size over subsampled size of the shared plates; it multiplies the total bound."""
        return math.prod(plate.full_size / plate.size for plate in self.shared_plates)

    def data_scale(self, rows: int) -> float:
        """How many data a row of the batch stands for: full size over subsampled size.

        Those plates count whose subsample the batch is; a program that is given all rows and
        chooses among them itself is scored for as many as it was given. Where observed sites
        differ, such as a term on the parameters beside the data, those that observe an argument
        of the pair decide.

        Args:
            rows: how many the batch has.
        """
        data = [site for site in self.observed if site.argument is not None] or self.observed
        scales = (
            math.prod(p.full_size / p.size for p in site.plates if p.size == rows) for site in data
        )
        return max(scales, default=1.0)

    def is_sum_over(self, rows: int) -> bool:
        """Whether the bound of a batch is a sum over its rows, so that it can be taken in parts.

        It is not where a latent lies outside of the data's plate, such as a weight that all data
        share: its divergence would count once for each part. (Where the plate is a subsample of a
        known whole it counts by the part's share.)

        Args:
            rows: how many the batch has.
        """
        plates = frozenset[Plate]()
        if self.observed:
            plates = frozenset.intersection(*(site.plates for site in self.observed))
        latents = (*self.latents, *self.proposals)
        if plates:
            return all(site.plates >= plates for site in latents)
        return all(rows in (*site.batch_shape, *site.event_shape) for site in latents)

    @cached_property
    def nesting(self) -> int:
        """How many batch dimensions the sites have at most, particles not counted."""
        sites = (*self.model.values(), *self.guide.values())
        dims = [-plate.dim for site in sites for plate in site.plates]
        return max([*dims, *(len(site.batch_shape) for site in sites), 0])

    def padded_shape(self, site: Site) -> tuple[int, ...]:
        """Batch shape with as many dimensions as the deepest site has, then the event shape."""
        padding = (1,) * (self.nesting - len(site.batch_shape))
        return (*padding, *site.batch_shape, *site.event_shape)

    def spread(self, per_datum: Any, site: Site) -> Any:
        """(K, N) values in a shape that broadcasts over a site's (K, *batch, *event) values."""
        return per_datum.reshape(len(per_datum), *self.row_shape, *(1 for _ in site.event_shape))

    @cached_property
    def row_shape(self) -> tuple[int, ...]:
        """The batch of the deepest site with ones for all but the shared plates."""
        kept = {plate.dim: plate.size for plate in self.shared_plates}
        return tuple(kept.get(dim, 1) for dim in range(-self.nesting, 0))

    def framed(self, log_prob: Any) -> Any:
        """A (*batch,) log density with as many batch dimensions as the deepest site has."""
        missing = self.nesting - log_prob.ndim
        return log_prob.reshape((1,) * missing + tuple(log_prob.shape)) if missing else log_prob

    def gather(self, values: Any) -> Any:
        """Sum (K, *batch, *event) values over all but the particles and shared plates: (K, N)."""
        kept = {0} | {self.nesting + 1 + plate.dim for plate in self.shared_plates}
        summed = tuple(dim for dim in range(values.ndim) if dim not in kept)
        return (values.sum(summed) if summed else values).reshape(len(values), -1)

    def closed_form_sites(self) -> set[str]:
        """Latents whose divergence may be taken in closed form, given that one is known.

        Replacing log q(z) - log p(z) by its expectation over z is right only if p(z | ...) does
        not depend on a latent that the guide draws after z. The latents before z in the model must
        therefore all come before it in the guide. (Upstream's mean-field ELBOs do not check this.)
        """
        order = [site.name for site in self.proposals]
        allowed: set[str] = set()
        parents: set[str] = set()
        for site in self.latents:
            if site.name in order and parents <= set(order[: order.index(site.name)]):
                allowed.add(site.name)
            parents.add(site.name)
        return allowed

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
        whole = {site.whole_shape, proposal.whole_shape, _without_ones(value)}
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

    def check_generates(self, objective: str, draw: str | None) -> None:
        """Check that the model draws data, and that a gradient goes through what it draws.

        Args:
            objective: its name.
            draw: one of `inference.engines.program.DRAWS`; None where the latents alone are used.

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
        odd = self._odd(site for site in self.weighed if not site.observed)
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


def unwrapped(fn: Any) -> Iterator[Any]:
    """A distribution, what it wraps, and so on, components of mixtures among them."""
    waiting = [fn]
    while waiting:
        part = waiting.pop()
        yield part
        inside = vars(part) if hasattr(part, "__dict__") else {}
        for name in ("base_dist", "_component_distribution", "component_distribution"):
            waiting += [inside[name]] if name in inside else []
        for name in ("_component_distributions", "component_distributions"):
            waiting += list(inside.get(name, ()))


def innermost(fn: Any) -> Any:
    """What a distribution expands, masks, transforms or counts as an event, in the end."""
    while (base := getattr(fn, "base_dist", None)) is not None:
        fn = base
    return fn


def says(fn: Any, name: str, *, usual: bool = False) -> bool:
    """What a distribution, or one that it wraps, says of itself in an attribute; or the usual."""
    found = [bool(getattr(part, name, usual)) for part in unwrapped(fn)]
    return usual if all(value == usual for value in found) else not usual


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


def comes_with_rows(support: Any) -> bool:
    """Whether a constraint holds an array, such as the limits of each row, and not one number."""
    parts = list(getattr(support, "__dict__", {}).values())
    inner = [each for part in parts for each in (part if isinstance(part, (list, tuple)) else ())]
    return any(
        math.prod(part.shape) > 1 if hasattr(part, "shape") else comes_with_rows(part)
        for part in (*parts, *inner)
        if hasattr(part, "shape") or hasattr(part, "__dict__")
    )


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without ones on the left, which broadcasting adds."""
    first = next((position for position, size in enumerate(shape) if size != 1), len(shape))
    return shape[first:]


def _names(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)


def _plates(plates: Iterable[Plate]) -> str:
    ordered = sorted(plates, key=lambda plate: plate.dim)
    named = (f"{plate.name!r} (dim {plate.dim}, size {plate.size})" for plate in ordered)
    return ", ".join(named) or "none"
