"""Passes through a pair on a batch, on Pyro: how many particles each, and what all share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyro.distributions.util import scale_and_mask
from torch import Tensor

from inference.engines.pyro.frames import Frames, density
from inference.engines.pyro.handlers import Steer
from inference.engines.pyro.random_state import random_state, set_random_state
from inference.engines.pyro.traces import run
from inference.program.program import check_same_sites
from inference.program.structure import Structure


class Passes:
    """A model and a guide with a batch.

    Attributes:
        model: the model.
        guide: the guide.
        args: the batch: what they take by position.
        kwargs: what they take by name.
        structure: the sites and plates.
        vectorised: whether particles ride on a plate of their own, or go one by one.
        frames: the plates and scales, for what the passes give.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        guide: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        structure: Structure,
        *,
        vectorised: bool = True,
    ) -> None:
        self.model, self.guide = model, guide
        self.args, self.kwargs = args, kwargs
        self.structure, self.vectorised = structure, vectorised
        self.frames = Frames(structure)
        self.rows: dict[str, Tensor] = {}  # that subsampled plates have chosen
        self.held: dict[str, Tensor] = {}  # the globals' draw
        self.of_globals: Any = 0.0  # its log p - log q
        self.seen: dict[str, Tensor] = {}  # what the model observes
        self._noise: dict[int, tuple[Any, frozenset[str]]] = {}  # before a particle's first run

    def passes(self, num_particles: int) -> list[tuple[int, int]]:
        """First particle and number of particles of each pass through the pair."""
        if self.vectorised:
            return [(0, num_particles)]
        return [(start, 1) for start in range(num_particles)]

    def guide_sites(
        self, num_particles: int, steer: Steer, args: Sequence[Any] | None = None
    ) -> dict[str, Any]:
        """The sites of a run of the guide."""
        args = self.args if args is None else args
        return self._sites("guide", num_particles, steer, args)

    def guide_sites_of(
        self, first: int, count: int, steer: Steer, *, again: bool
    ) -> dict[str, Any]:
        """The sites of a run of the guide for some particles.

        Networks may draw noise of their own, such as dropout, which keeps particles apart. Of draws
        that the guide has made under one noise, it has to give the density under the same.

        Args:
            first: the first of the particles.
            count: how many.
            steer: decides values.
            again: whether it has run for them before, and is given the values that it drew.
        """
        if self.vectorised or steer.relax is not None:
            return self.guide_sites(count, steer)
        if not again:
            self._noise[first] = random_state(), frozenset(steer.values)
            return self.guide_sites(count, steer)
        if first not in self._noise:
            return self.guide_sites(count, steer)
        state, given = self._noise[first]
        steer.redrawn = frozenset(steer.values) - given
        here = random_state()
        set_random_state(state)
        try:
            return self.guide_sites(count, steer)
        finally:
            set_random_state(here)

    def model_sites(
        self, num_particles: int, steer: Steer, *, blind: bool = False
    ) -> dict[str, Any]:
        """The sites of a run of the model; `blind`, of one that draws its data."""
        sites = self._sites("model", num_particles, steer, self.args, blind=blind)
        if not blind:
            self.seen = {n: site["value"] for n, site in sites.items() if site["is_observed"]}
        return sites

    def _sites(
        self,
        kind: str,
        num_particles: int,
        steer: Steer,
        args: Sequence[Any],
        *,
        blind: bool = False,
    ) -> dict[str, Any]:
        made = run(
            self.guide if kind == "guide" else self.model,
            args,
            self.kwargs,
            steer=steer,
            blind=blind,
            num_particles=num_particles,
            nesting=self.structure.nesting,
        )
        self.rows |= made.rows
        sites = made.proposals if kind == "guide" else made.sites
        check_same_sites(kind, sites, getattr(self.structure, kind))
        return sites

    def hold_globals(self) -> None:
        """Draw the latents that lie outside of the weights, once for all particles."""
        outside = self.structure.outside
        if not outside or self.held:
            return
        guide_sites = self.guide_sites(1, Steer(values=self.rows))
        drawn = {name: site["value"] for name, site in guide_sites.items()}
        model_sites = self.model_sites(1, Steer(values=self.rows | drawn))
        self.held = {name: value for name, value in drawn.items() if name in outside}
        for sign, sites in ((1, model_sites), (-1, guide_sites)):
            for name in outside & set(sites):
                site = sites[name]
                term = scale_and_mask(density(site), site["scale"], site["mask"])
                self.of_globals = self.of_globals + sign * term.sum()
