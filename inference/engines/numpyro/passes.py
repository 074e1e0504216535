"""Passes through a pair on a batch, on NumPyro: their keys, and what all of them share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from jax import Array, random

from inference.engines.numpyro.belongings import State
from inference.engines.numpyro.computed_scales import computed_scales
from inference.engines.numpyro.dataflow import parents_of
from inference.engines.numpyro.draws import particle, sum_of
from inference.engines.numpyro.factors import sources
from inference.engines.numpyro.frames import Frames, density
from inference.engines.numpyro.handlers import Steer
from inference.engines.numpyro.inspection import describe
from inference.engines.numpyro.points import direct_parts
from inference.engines.numpyro.scans import stepwise
from inference.engines.numpyro.traces import Trace, rows_in, samples, scale_of, traces
from inference.program.batches import kept_of
from inference.program.structure import Structure, can_draw

_LATER = 2**31 - 1  # more than a key is ever split into
Check = Callable[[Structure], Structure | None]


class Passes:
    """A model and a guide with a batch.

    Attributes:
        rng_key: of the first draw.
        params: values of parameter sites, and the rows that subsampled plates have chosen.
        model: the model.
        guide: the guide.
        args: the batch: what they take by position.
        kwargs: what they take by name.
        check: refuses a structure, or returns it as the objective looks at it.
        nests: whether globals are drawn once and local latents weighed given them.
        carried: state for the next step.
    """

    def __init__(
        self,
        rng_key: Array,
        params: Mapping[str, Any],
        model: Callable[..., Any],
        guide: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        check: Check,
        *,
        nests: bool = False,
    ) -> None:
        self.rng_key, self.params = rng_key, dict(params)
        self.model, self.guide = model, getattr(guide, "unattached", guide)
        self.args, self.kwargs = args, kwargs
        self.check, self.nests = check, nests
        self.carried = State.of(self.params)
        self.held: dict[str, Array] = {}  # the globals' draw
        self.of_globals: Any = 0.0  # its log p - log q
        self.scale: Any = 1.0  # what multiplies a datum's bound, a number or (N,)
        self.rows: dict[str, Array] = {}  # that subsampled plates have chosen
        self._frames: Frames | None = None
        self._draws = 0
        self._noise: dict[int, Array] = {}  # the key of the last draw of so many particles
        self._rows_fixed = False

    @property
    def structure(self) -> Structure:
        """The sites and plates."""
        return self.frames.structure

    @property
    def frames(self) -> Frames:
        """The plates and scales, for what the passes give."""
        if self._frames is None:
            # Of this run, compilation keeps nothing.
            self._describe(*self.traces(self.rng_key))
        assert self._frames is not None
        return self._frames

    def next_key(self, num_particles: int) -> Array:
        """The program's key for its first draw, as upstream has it, and then others."""
        if num_particles > 1 or self._draws > 0:
            self.fix_rows()
        key = self.rng_key
        if self._draws:
            # The parts that a key splits into are its own fold_in with 0, 1, 2, ...: to fold in the
            # number of the draw alone would give out keys that the first draw has used.
            key = random.fold_in(random.fold_in(key, _LATER), self._draws)
        self._draws += 1
        return key

    def fix_rows(self) -> None:
        """Settle the rows that subsampled plates choose, once for all draws.

        Left to themselves, particles under vmap would each choose their own, and weights of
        different data would be averaged. Of this trace, compilation keeps only the choice.
        """
        if self._rows_fixed:
            return
        self._rows_fixed = True
        self.rows = rows_in(*self.traces(self.rng_key))
        self.params |= self.rows

    def traces(self, key: Array, steer: Callable[..., Any] = Steer) -> tuple[Trace, Trace]:
        """Traces of guide and model on the batch."""
        return traces(key, self.params, self.model, self.guide, self.args, self.kwargs, steer)

    def particle(
        self, key: Array, values: dict[str, Array], *, steer: Any, divergences: bool
    ) -> dict[str, Any]:
        """What one draw gives; see `draws.particle`."""
        given = {name: self.frames.unpadded(name, value) for name, value in values.items()}
        given = self.held | given
        both = self.traces(key, functools.partial(steer, values=given))
        self._describe(*both)
        return particle(self.frames, *both, divergences=divergences)

    def hold_globals(self) -> None:
        """Draw the latents that lie outside of the weights, once for all particles."""
        if not self.nests or self.held or not self.structure.outside:
            return
        key, outside = self.next_key(1), self.structure.outside
        guide_trace, model_trace = self.traces(key)
        self.held = {n: s["value"] for n, s in samples(guide_trace) if n in outside}
        self.of_globals = sum_of(
            sign * (density(site) * scale_of(site)).sum()
            for sign, sites in ((1, model_trace), (-1, guide_trace))
            for name, site in samples(sites)
            if name in outside
        )

    def _describe(self, guide_trace: Trace, model_trace: Trace) -> None:
        if self._frames is None:
            found = describe(
                guide_trace,
                model_trace,
                self.args,
                can_draw=can_draw(self.model),
                factors=sources(self.model, model_trace, self.args, self.kwargs),
                kwargs=self.kwargs,
                kept=kept_of(self.model),
                scales=computed_scales(
                    self.model,
                    self.guide,
                    self.params,
                    self.args,
                    self.kwargs,
                    (guide_trace, model_trace),
                ),
            )
            look = self.guide, guide_trace, self.args, self.kwargs
            found = found.with_direct(direct_parts(*look)).with_stepwise(stepwise(*look))
            found = self.check(found) or found
            self._frames = Frames(self._with_parents(found, guide_trace, model_trace))

    def _with_parents(self, found: Structure, guide_trace: Trace, model_trace: Trace) -> Structure:
        """Find out what each site depends on, where that makes scores less noisy."""
        if not found.follows_scores:
            return found
        every = (*samples(guide_trace), *samples(model_trace))
        latents = {n: site["value"] for n, site in every if not site["is_observed"]}

        def densities(values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
            both = self.traces(self.rng_key, functools.partial(Steer, values=values))
            of_guide, of_model = (
                {n: (density(site), scale_of(site)) for n, site in samples(each)} for each in both
            )
            return of_model, of_guide

        try:
            return found.with_parents(*parents_of(densities, latents))
        except Exception:  # whatever it is: in doubt, a site depends on all before it
            return found
