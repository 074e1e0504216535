"""Runs of a Pyro model or guide, and what is in them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pyro
import torch
from pyro import poutine
from pyro.distributions import Delta, MaskedDistribution, Unit
from pyro.poutine.guide import GuideMessenger
from pyro.poutine.uncondition_messenger import UnconditionMessenger
from pyro.poutine.util import site_is_subsample
from torch import Tensor

from inference.engines.pyro.handlers import Steer
from inference.engines.thread_lock import ALONE
from inference.program.batches import whole

PARTICLES = "num_particles_vectorized"


@dataclass(frozen=True)
class Run:
    """One run of a model or a guide.

    Attributes:
        trace: the run as Pyro writes it down, with parameters, index draws and computed values.
    """

    trace: poutine.Trace

    @property
    def sites(self) -> dict[str, Any]:
        """The sample sites by name; see `samples`."""
        return dict(samples(self.trace))

    @property
    def proposals(self) -> dict[str, Any]:
        """The sample sites of a guide; see `guide_samples`."""
        return dict(guide_samples(self.trace))

    @property
    def latents(self) -> dict[str, Any]:
        """The sample sites that observe nothing."""
        return {name: site for name, site in self.sites.items() if not site["is_observed"]}

    @property
    def values(self) -> dict[str, Tensor]:
        """The values of the latents."""
        return {name: site["value"] for name, site in self.latents.items()}

    @property
    def computed(self) -> dict[str, Tensor]:
        """The values of `pyro.deterministic` statements."""
        return computed(self.trace)

    @property
    def rows(self) -> dict[str, Tensor]:
        """The rows that subsampled plates chose."""
        return rows_in(self.trace)

    @property
    def fewer_rows(self) -> dict[str, Tensor]:
        """The rows of those plates that chose some of more."""
        laws: dict[str, Any] = {name: self.trace.nodes[name]["fn"] for name in self.rows}
        return {name: rows for name, rows in self.rows.items() if len(rows) < laws[name].size}

    @property
    def returned(self) -> Any:
        """What the program returned."""
        return self.trace.nodes["_RETURN"]["value"]


def run(
    part: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None,
    *,
    steer: Steer | None = None,
    values: Mapping[str, Tensor] | None = None,
    size: int | None = None,
    blind: bool = False,
    replay: poutine.Trace | None = None,
    num_particles: int = 1,
    nesting: int = 0,
) -> Run:
    """Run a model or a guide once, from torch's random state.

    Args:
        part: the model or the guide.
        args: what it takes by position.
        kwargs: what it takes by name.
        steer: a handler that decides values.
        values: latents at values, where that is all that is decided.
        size: let the model draw so many rows, in place of its first argument.
        blind: whether observed sites are drawn.
        replay: a run whose draws this one takes.
        num_particles: how many ride on a plate of their own.
        nesting: how many batch dimensions that plate lies outside of.
    """
    part = with_particles(part, num_particles, nesting)
    with ALONE:
        if blind:
            part = Blind()(part)
        if replay is not None:
            part = poutine.replay(part, trace=replay)
        named = dict(kwargs or {})
        if size is not None:
            args, named = (None, *args[1:]), named | {"size": size}
        if values is not None:
            steer = Steer(values=values)
        with contextlib.nullcontext() if steer is None else steer:
            return Run(poutine.trace(part).get_trace(*args, **named))


def trace_pair(
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    num_particles: int = 1,
    nesting: int = 0,
) -> tuple[poutine.Trace, poutine.Trace]:
    """Trace the guide, then the model on its draws; particles on a plate outside of `nesting`."""
    of_guide = run(guide, args, kwargs, num_particles=num_particles, nesting=nesting).trace
    of_model = run(
        model, args, kwargs, replay=of_guide, num_particles=num_particles, nesting=nesting
    ).trace
    return of_guide, of_model


def proposing(guide: Callable[..., Any]) -> Callable[..., Any]:
    """The guide; of a messenger, which runs the model, without what the model observes.

    To a trace around it, the likelihood would look like a part of the guide.
    """
    if not isinstance(whole(guide), GuideMessenger):
        return guide
    return poutine.block(guide, hide_fn=lambda site: bool(site.get("is_observed", False)))


def with_particles(
    program: Callable[..., Any], num_particles: int, nesting: int
) -> Callable[..., Any]:
    """The program under a plate for its particles, outside of all its own plates."""
    if num_particles == 1:
        return program
    return pyro.plate(PARTICLES, num_particles, dim=-nesting - 1)(program)


def samples(trace: poutine.Trace) -> list[tuple[str, Any]]:
    """The sample sites of a trace, without the index draws of subsampled plates.

    Nor are values that the program only computes, to Pyro observed draws of a masked Delta: by
    `pyro.deterministic`, or by a reparameterisation of what was a latent.
    """
    return [
        (name, site)
        for name, site in trace.nodes.items()
        if site["type"] == "sample" and not site_is_subsample(site) and not _is_computed(site)
    ]


def guide_samples(trace: poutine.Trace) -> list[tuple[str, Any]]:
    """A guide's sample sites but for what it observes, which is no part of q: it draws nothing.

    A factor is one.
    """
    return [
        (name, site)
        for name, site in samples(trace)
        if not site["is_observed"] or isinstance(site["fn"], Unit)
    ]


def whole_value(site: Mapping[str, Any]) -> Tensor:
    """A site's value in the full shape of its distribution, batch and event.

    Of a series of any length, whose distribution says 1 for it, the value's length counts.
    """
    value, fn = site["value"], site["fn"]
    return value.expand(torch.broadcast_shapes(value.shape, fn.batch_shape + fn.event_shape))


def rows_in(*traces: poutine.Trace) -> dict[str, Tensor]:
    """The rows that subsampled plates chose."""
    return {
        name: cast(Tensor, site["value"])
        for trace in traces
        for name, site in trace.nodes.items()
        if site["type"] == "sample" and site_is_subsample(site) and name != PARTICLES
    }


def computed(trace: poutine.Trace) -> dict[str, Tensor]:
    """What the program only computed, such as in `pyro.deterministic` statements, by name."""
    return {
        name: cast(Tensor, site["value"])
        for name, site in trace.nodes.items()
        if site["type"] == "sample" and _is_computed(site)
    }


def _is_computed(site: Any) -> bool:
    fn = site["fn"]
    masked = isinstance(fn, MaskedDistribution) and fn._mask is False
    reformed = site["is_observed"] and masked and isinstance(fn.base_dist, Delta)
    return reformed or bool(site["infer"].get("_deterministic", False))


class Blind(UnconditionMessenger):
    """Has what a program observes drawn, but for values that it computes.

    Their Delta takes the whole value for one event, so that a draw of it in a plate repeats it.
    """

    def _pyro_sample(self, msg: Any) -> None:
        if not _is_computed(msg):
            super()._pyro_sample(msg)


def plain_scale(scale: Any) -> Any:
    """A scale as a number or an array."""
    if not isinstance(scale, Tensor):
        return float(scale)
    return scale.detach().cpu().double().numpy() if scale.dim() else float(scale)
