"""Traces of a Pyro pair and what is in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import pyro
from pyro import poutine
from pyro.distributions import Unit
from pyro.poutine.guide import GuideMessenger
from pyro.poutine.util import site_is_subsample
from torch import Tensor

from inference.program.batches import whole

PARTICLES = "num_particles_vectorized"


def trace_pair(
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    num_particles: int = 1,
    nesting: int = 0,
) -> tuple[poutine.Trace, poutine.Trace]:
    """Trace the guide, then the model on its draws; particles on a plate outside of `nesting`."""
    guide = with_particles(guide, num_particles, nesting)
    model = with_particles(model, num_particles, nesting)
    guide_trace = poutine.trace(guide).get_trace(*args, **kwargs)
    replayed = poutine.replay(model, trace=guide_trace)
    return guide_trace, poutine.trace(replayed).get_trace(*args, **kwargs)


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

    Nor are values that the program only computes, to Pyro observed draws of a masked Delta.
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


def computed(trace: poutine.Trace) -> dict[str, Tensor]:
    """What the program computed in `pyro.deterministic` statements, by their names."""
    return {
        name: cast(Tensor, site["value"])
        for name, site in trace.nodes.items()
        if site["type"] == "sample" and _is_computed(site)
    }


def _is_computed(site: Any) -> bool:
    return bool(site["infer"].get("_deterministic", False))


def plain_scale(scale: Any) -> Any:
    """A scale as a number or an array."""
    if not isinstance(scale, Tensor):
        return float(scale)
    return scale.detach().cpu().double().numpy() if scale.dim() else float(scale)
