"""How the sites of a model and a guide lie to each other: whose plates, scales and shapes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from inference.program.scales import TracedScale, odd_one_out, same_scale
from inference.program.sites import Plate, Site


@dataclass(frozen=True)
class Layout:
    """The sites of a model and its guide, in the order in which they run.

    Attributes:
        model: the model's sites by name.
        guide: the guide's sites by name.
        can_draw: whether the model draws rows of data: `model(None, size=n)`.
        labelled: whether the pair is given whole numbers besides x.
        kept: how many arrays at the end of a batch the pair is not given: see `Objective.keeps`.
        varying: sites that the guide has in some draws on these rows alone, or of other sizes.
        outside: latents that no importance weight is of: see `nested`.
        fixed: points of the guide that are at the same values in all draws on these rows.
        coupled: whether a row's density changes with the latents of others, where that was looked
            at: see `inference.program.coupling`.
        still: ways of drawing data (`DRAWS`, or "" of none) under which no parameter changes what
            an objective without the guide looks at, where that was looked at.
        rows: how many rows the arrays have that it was found on; 1 where there are none.
        on: the structure of the same pair on other rows, given as arrays; None while a step is
            being compiled.
    """

    model: Mapping[str, Site]
    guide: Mapping[str, Site]
    can_draw: bool = False
    labelled: bool = False
    kept: int = 0
    varying: frozenset[str] = frozenset()
    outside: frozenset[str] = frozenset()
    fixed: frozenset[str] = frozenset()
    coupled: bool = False
    still: frozenset[str] = frozenset()
    rows: int = 1
    on: Callable[[tuple[Any, ...]], Any] | None = field(default=None, repr=False, compare=False)

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

    @property
    def by_score(self) -> list[str]:
        """The sites of what the model draws that are learnt by their score: x, discrete latents."""
        drawn = [site.name for site in self.latents if not site.reparameterised]
        return [*drawn, self.generated.name]

    @property
    def unscored(self) -> list[str]:
        """Sites whose log density is not a number on these rows, which have missing values."""
        sites = (*self.model.values(), *self.guide.values())
        return [site.name for site in sites if site.is_nan]

    @property
    def training_only(self) -> set[str]:
        """The observed sites, and the guide's factors, that are no part of the likelihood."""
        return {site.name for site in self.observed if site.training_only} | self.steering

    @property
    def steering(self) -> set[str]:
        """The guide's factors that are no part of log q, such as a loss of labelled rows.

        Where a guide computes what it proposes of other draws, a factor may be the density of that,
        as autoguides write their Jacobians. Where it only draws, log q is its distributions' own.
        """
        if any(site.auxiliary or site.point for site in self.proposals):
            return set()
        return {site.name for site in self.guide.values() if site.observed}

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
    def nested(self) -> Self:
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
    ) -> Self:
        """The structure with the latents that each site depends on."""
        return replace(
            self,
            model={n: replace(site, parents=model[n]) for n, site in self.model.items()},
            guide={n: replace(site, parents=guide[n]) for n, site in self.guide.items()},
        )

    def with_direct(self, direct: Mapping[str, frozenset[str]]) -> Self:
        """The structure with what points of the guide are computed of: see `Site.direct`."""
        guide = {n: replace(s, direct=direct.get(n, s.direct)) for n, s in self.guide.items()}
        return replace(self, guide=guide) if direct else self

    def with_stepwise(self, names: frozenset[str]) -> Self:
        """The structure with what the guide draws step by step: see `Site.stepwise`."""
        guide = {n: replace(s, stepwise=n in names) for n, s in self.guide.items()}
        return replace(self, guide=guide) if names else self

    def is_local(self, name: str) -> bool:
        """Whether the guide draws a site anew for each datum."""
        plates = self.nested.shared_plates
        return bool(plates) and self.guide[name].plates >= set(plates)

    @cached_property
    def odd_scale(self) -> tuple[str, str] | None:
        """The first site whose scale is not that of the other sites of a datum, and why.

        Sites that are for training only may weigh what they like.
        """
        return self.odd_among([site for site in self.weighed if not site.training_only])

    @cached_property
    def unscaled(self) -> frozenset[str]:
        """The sites whose scale stays outside of a logarithm: what the latents have in common.

        An observed site may have another one, which then tempers the likelihood. Empty where the
        latents have several, or a scale of zero: then every scale is a part of its site's term.
        """
        counted = [site for site in self.weighed if not site.training_only]
        latents = [site for site in counted if not site.observed] or counted
        if not latents or self.odd_among(latents) is not None:
            return frozenset()
        outside = latents[0].scale
        if not isinstance(outside, TracedScale) and not np.all(outside):
            return frozenset()
        return frozenset(s.name for s in counted if same_scale(s.scale, outside))

    def odd_among(self, sites: Iterable[Site]) -> tuple[str, str] | None:
        """The first of some sites whose scale is not that of the others, and why."""
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
        """How many batch dimensions the sites have at most, particles not counted.

        Data that have more dimensions than their law make those of its log density.
        """
        sites = (*self.model.values(), *self.guide.values())
        dims = [-plate.dim for site in sites for plate in site.plates]
        dims += [len(shape) for s in sites for shape in (s.batch_shape, s.density_shape or ())]
        return max([*dims, 0])

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
