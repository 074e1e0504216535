"""What a NumPyro guide computes of its parameters themselves, and not of its draws alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import random
from numpyro.distributions import Delta

from inference.engines.numpyro.factors import flow
from inference.engines.numpyro.traces import Trace, run, samples
from inference.program.distributions import innermost


def direct_parts(
    guide: Callable[..., Any],
    guide_trace: Trace,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> dict[str, frozenset[str]]:
    """By point of a guide, what of it has a gradient by parameters at held draws.

    It takes one more run, written out as a jaxpr, of guides that have points.

    Args:
        guide: the guide.
        guide_trace: a run of it.
        args: what it takes by position.
        kwargs: what it takes by name.

    Returns:
        `"value"` and `"density"`, as `inference.program.sites.Site.direct` has them.
    """
    sites = dict(samples(guide_trace))
    points = [name for name, site in sites.items() if isinstance(innermost(site["fn"]), Delta)]
    parameters = {n: s["value"] for n, s in guide_trace.items() if s["type"] == "param"}
    if not points or not parameters:
        return {}
    held = {n: s["value"] for n, s in guide_trace.items() if s["type"] in ("mutable", "plate")}
    held |= {n: s["value"] for n, s in sites.items() if n not in points}

    def parts(parameters: dict[str, Any]) -> list[Any]:
        found = run(guide, random.PRNGKey(0), args, kwargs, params=held | parameters).trace
        laws: list[Any] = [innermost(found[name]["fn"]) for name in points]
        return [jnp.asarray(part) for law in laws for part in (law.v, law.log_density)]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jaxpr = jax.make_jaxpr(parts)(parameters).jaxpr
    found = flow(jaxpr, [{"parameters"} for _ in jaxpr.invars], but=("stop_gradient",))
    pairs = zip(points, found[::2], found[1::2], strict=True)
    return {
        name: frozenset(part for part, of in (("value", value), ("density", density)) if of)
        for name, value, density in pairs
    }
