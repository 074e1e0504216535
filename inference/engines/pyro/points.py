"""What a Pyro guide computes of its parameters themselves, and not of its draws alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyro.distributions as dist
import torch
from pyro import poutine

from inference.engines.pyro.traces import guide_samples, run
from inference.program.distributions import innermost


def direct_parts(
    guide: Callable[..., Any],
    guide_trace: poutine.Trace,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> dict[str, frozenset[str]]:
    """By point or factor of a guide, what of it has a gradient by parameters at held draws.

    It takes one more run, of guides that have such sites.

    Args:
        guide: the guide.
        guide_trace: a run of it.
        args: what it takes by position.
        kwargs: what it takes by name.

    Returns:
        `"value"` and `"density"`, as `inference.program.sites.Site.direct` has them.
    """
    sites = dict(guide_samples(guide_trace))
    computed = {name for name, site in sites.items() if _parts(site["fn"])}
    if not computed:
        return {}
    held = {
        name: site["value"].detach()
        for name, site in sites.items()
        if name not in computed and not site["is_observed"]
    }
    with torch.enable_grad():
        again = run(guide, args, kwargs, values=held).trace
    found = {name: _parts(again.nodes[name]["fn"]) for name in computed & set(again.nodes)}
    return {
        name: frozenset(part for part, value in parts.items() if _moves(value))
        for name, parts in found.items()
    }


def _parts(fn: Any) -> dict[str, Any]:
    """Value and log density of a point, the log density of a factor; nothing of other laws.

    A factor that does not claim a pathwise gradient stands for the density of a draw.
    """
    law = innermost(fn)
    if isinstance(law, dist.Delta):
        return {"value": law.v, "density": law.log_density}
    if isinstance(law, dist.Unit) and law.has_rsample:
        return {"density": law.log_factor}
    return {}


def _moves(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.requires_grad
