"""Which draws of a NumPyro guide are steps of a scan that go on with the draws of steps before."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import jax
from jax import random

from inference.engines.numpyro import discrete
from inference.engines.numpyro.factors import flow
from inference.engines.numpyro.traces import Trace, run, samples


def stepwise(
    guide: Callable[..., Any],
    guide_trace: Trace,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> frozenset[str]:
    """The discrete sites whose chances depend on other entries of their draw, or on later sites.

    It takes one more run, written out as a jaxpr, of guides that draw such sites in a scan.

    Args:
        guide: the guide.
        guide_trace: a run of it.
        args: what it takes by position.
        kwargs: what it takes by name.
    """
    sites = dict(samples(guide_trace))
    inside = [n for n, site in sites.items() if site.get("_control_flow_done")]
    inside = [n for n in inside if discrete.family(sites[n]["fn"])[0]]
    if not inside:
        return frozenset()
    held = {n: s["value"] for n, s in guide_trace.items() if s["type"] != "sample"}
    values = {n: site["value"] for n, site in sites.items() if not site["is_observed"]}

    def chances(values: dict[str, Any]) -> list[Any]:
        found = run(guide, random.PRNGKey(0), args, kwargs, params=held, values=values).sites
        return [discrete.logits(found[name]["fn"]) for name in inside]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jaxpr = jax.make_jaxpr(chances)(values).jaxpr
    names = sorted(values)  # as a dict is flattened
    order = list(sites)
    sources = flow(jaxpr, [{name} for name in names])
    return frozenset(
        name
        for name, of in zip(inside, sources, strict=True)
        if of & set(order[order.index(name) :])
    )
