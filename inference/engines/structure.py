"""What a trace of a pair says about its sites and plates, in words of no framework."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import ObjectiveError, PairError


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
        by_row: whether the support comes with the rows, such as totals of a Binomial, so that
            `inside` is about these rows only.
        is_nan: whether the log density of some element is not a number, on data with missing
            values; it is not where the program masks them.
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
    by_row: bool = False
    is_nan: bool = False


@dataclass(frozen=True)
class Structure:
    """The sites of a model and its guide, in the order in which they run.

    Attributes:
        model: the model's sites by name.
        guide: the guide's sites by name.
        can_draw: whether the model draws rows of data: `model(None, size=n)`.
        labelled: whether the pair is given whole numbers besides x.
        on: the structure of the same pair on other rows, given as arrays; None while a step is
            being compiled.
    """

    model: Mapping[str, Site]
    guide: Mapping[str, Site]
    can_draw: bool = False
    labelled: bool = False
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
    def proposals(self) -> list[Site]:
        """The guide's sites that propose a value."""
        return [site for site in self.guide.values() if not site.observed]

    @property
    def generated(self) -> Site:
        """The site that makes the data: it observes the pair's first argument."""
        return next(site for site in self.observed if site.argument == 0)

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
        for site in (*self.model.values(), *self.proposals):
            everywhere = site.plates if everywhere is None else everywhere & site.plates
        return tuple(sorted(everywhere or (), key=lambda plate: plate.dim))

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
        kept = {plate.dim: plate.size for plate in self.shared_plates}
        batch = [kept.get(dim, 1) for dim in range(-self.nesting, 0)]
        return per_datum.reshape(len(per_datum), *batch, *(1 for _ in site.event_shape))

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
        """Check that the guide proposes exactly the model's latents, with the same shapes.

        Args:
            summed: latents that the guide may leave to the model, because they are summed over.

        Raises:
            PairError: naming the sites that differ.
        """
        latents = {site.name: site for site in self.latents}
        proposals = {site.name: site for site in self.proposals if not site.auxiliary}
        missing = sorted(set(latents) - set(proposals) - set(summed))
        if missing:
            raise PairError(
                f"the guide has no site for the model's latent {_names(missing)}; it would stay at "
                "its prior. Add a sample statement of that name to the guide, or observe it."
            )
        extra = sorted(set(proposals) - set(latents))
        if extra:
            raise PairError(
                f"the guide proposes {_names(extra)}, which the model does not draw. Remove the "
                "statement, or mark it with infer={'is_auxiliary': True}."
            )
        for name, site in latents.items():
            if name not in proposals:
                continue
            if site.event_shape != proposals[name].event_shape:
                raise PairError(
                    f"site {name!r} has event shape {site.event_shape} in the model and "
                    f"{proposals[name].event_shape} in the guide; make them equal with .to_event()."
                )
            ours = {(plate.dim, plate.size) for plate in site.plates}
            theirs = {(plate.dim, plate.size) for plate in proposals[name].plates}
            if ours != theirs:
                raise PairError(
                    f"site {name!r} lies in plates {_plates(site.plates)} in the model and "
                    f"{_plates(proposals[name].plates)} in the guide; put both in the same plates."
                )

    def check_observed(self) -> None:
        """Check that the model observes something.

        Raises:
            ObjectiveError: if it does not, so that no likelihood exists.
        """
        if not self.observed:
            raise ObjectiveError(
                "the model observes no site, so it has no likelihood to maximise. Pass the data to "
                "a sample statement with obs=."
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
        """Check that data drawn from the model can be handed to the guide.

        Raises:
            ObjectiveError: naming the first observed site that is no argument of the pair.
        """
        self._check_draws(objective)
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

    def check_pathwise_weights(self, objective: str) -> None:
        """Check for a pathwise bound with weights per datum: data, local latents, gradients.

        Raises:
            ObjectiveError: naming the site that does not fit.
        """
        self.check_observed()
        self.check_local(objective)
        self.check_reparameterised(objective)

    def check_generates(self, objective: str, draw: str) -> None:
        """Check that the model draws data, and that a gradient goes through what it draws.

        Args:
            objective: its name.
            draw: one of `inference.engines.program.DRAWS`.

        Raises:
            ObjectiveError: naming the first site that does not fit, and what would.
        """
        if not self.can_draw:
            raise ObjectiveError(
                f"{objective} needs data drawn from the model, but its signature has no size=; "
                "write model(x=None, *, size=1), drawing `size` rows where x is None."
            )
        if not any(site.argument == 0 for site in self.observed):
            raise ObjectiveError(
                f"{objective} compares the model's draws with the data, but no site of the model "
                "observes the pair's first argument as it is; pass it to a sample statement with "
                "obs=."
            )
        for site in (*self.latents, self.generated):
            if site is self.generated and draw == "mean":
                continue
            if site.reparameterised:
                continue
            soft = site.family in ("bernoulli", "one-hot")
            if soft and draw in ("relaxed", "straight-through"):
                continue
            remedy = "'straight-through' or 'relaxed'" if soft else None
            if site is self.generated:
                remedy = f"'mean'{', ' + remedy if remedy else ''}"
            raise ObjectiveError(
                f"{objective} differentiates through the model's draws, but that of {site.name!r} "
                f"under draw={draw!r} carries no gradient. "
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

    def check_local(self, objective: str) -> None:
        """Check that every latent belongs to one datum, so that weights per datum make sense.

        Raises:
            ObjectiveError: naming the first latent outside the plates of the data.
        """
        data_plates = frozenset.intersection(*(site.plates for site in self.observed))
        shared = set(self.shared_plates)
        sites = (*self.model.values(), *self.proposals)
        if data_plates and not shared:
            outside = [s for s in (*self.latents, *self.proposals) if not s.plates >= data_plates]
            raise ObjectiveError(
                f"{objective} weighs particles per datum, but latent {outside[0].name!r} lies "
                f"outside the data's plate {_plates(data_plates)}. Put it inside, or use "
                "ELBO(), which needs no weights."
            )
        for site in sites:
            for plate in site.plates - shared:
                if plate.full_size != plate.size:
                    raise ObjectiveError(
                        f"{objective} takes a logarithm per datum, but plate {plate.name!r} around "
                        f"site {site.name!r} subsamples within a datum, so that its scale would be "
                        "inside. Do not subsample that plate, or use ELBO()."
                    )
        if data_plates:
            return
        for site in sites:
            if math.prod(site.batch_shape) > 1:
                raise ObjectiveError(
                    f"{objective} weighs particles per datum, but site {site.name!r} has batch "
                    f"shape {site.batch_shape} and the data lie in no plate. Open a "
                    "plate('data', len(x)) around the sites of one datum, or use ELBO()."
                )


def can_draw(model: Callable[..., Any]) -> bool:
    """Whether a model takes `size=`, the number of rows to draw."""
    while (wrapped := getattr(getattr(model, "__self__", None), "wrapped", None)) is not None:
        model = wrapped[0] if isinstance(wrapped, tuple) else wrapped.model  # of a fitted pair
    model = getattr(model, "forward", model)  # a network's own call takes anything
    try:
        parameters = inspect.signature(model).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(p.name == "size" or p.kind is p.VAR_KEYWORD for p in parameters)


def comes_with_rows(support: Any) -> bool:
    """Whether a constraint holds an array, such as the limits of each row, and not one number."""
    parts = list(getattr(support, "__dict__", {}).values())
    inner = [each for part in parts for each in (part if isinstance(part, (list, tuple)) else ())]
    return any(
        math.prod(part.shape) > 1 if hasattr(part, "shape") else comes_with_rows(part)
        for part in (*parts, *inner)
        if hasattr(part, "shape") or hasattr(part, "__dict__")
    )


def _names(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)


def _plates(plates: Iterable[Plate]) -> str:
    ordered = sorted(plates, key=lambda plate: plate.dim)
    named = (f"{plate.name!r} (dim {plate.dim}, size {plate.size})" for plate in ordered)
    return ", ".join(named) or "none"
