"""Traces of a NumPyro pair and what is in them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
from jax import Array, random
from numpyro.distributions import Unit
from numpyro.handlers import replay, seed, substitute, trace

from inference.engines.numpyro.handlers import Steer
from inference.program.generators import rows_drawn
from inference.program.program import (
    OWNED,
)

Trace = Mapping[str, Mapping[str, Any]]


def traces(
    key: Array,
    params: Mapping[str, Any],
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    steer: Callable[..., Any] = Steer,
    guide_params: Mapping[str, Any] | None = None,
) -> tuple[Trace, Trace]:
    """Trace the guide, then the model on its draws, from one key split as upstream splits it."""
    model_key, guide_key = random.split(key)
    params = dict(params)
    seen = params if guide_params is None else dict(guide_params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what upstream only warns about is refused by name later
        run = trace(substitute(seed(guide, guide_key), data=seen)).get_trace
        guide_trace = steer(run)(*args, **kwargs)
        # A network that model and guide share sees the state that the guide left.
        params |= {n: s["value"] for n, s in guide_trace.items() if s["type"] == "mutable"}
        replayed = replay(seed(model, model_key), guide_trace)
        run = trace(substitute(replayed, data=params)).get_trace
        model_trace = steer(run)(*args, **kwargs)
    return without_observations(guide_trace), model_trace


def without_observations(guide_trace: Trace) -> Trace:
    """A guide's trace without what it observes, which is no part of q: it draws nothing there.

    A factor is one, such as the momenta of an annealed guide.
    """
    return {
        name: site
        for name, site in guide_trace.items()
        if site["type"] != "sample" or not site["is_observed"] or isinstance(site["fn"], Unit)
    }


def samples(trace: Trace) -> list[tuple[str, Mapping[str, Any]]]:
    """The sample sites of a trace."""
    return [(name, site) for name, site in trace.items() if site["type"] == "sample"]


def computed(trace: Trace) -> dict[str, Array]:
    """What the program computed in `numpyro.deterministic` statements, by their names."""
    return {
        name: jnp.asarray(site["value"])
        for name, site in trace.items()
        if site["type"] == "deterministic"
    }


def rows_of(model: Callable[[], Any]) -> Any:
    """The rows that a run of a model draws that observes nothing."""
    returned: list[Any] = []
    run = trace(lambda: returned.append(model())).get_trace()
    return rows_drawn(returned[0], computed(run))


def networks_state(trace: Trace) -> dict[str, Any]:
    """The networks' new state."""
    return {
        name: site["value"]
        for name, site in trace.items()
        if site["type"] == "mutable" and not name.startswith(OWNED)
    }


def scale_of(site: Mapping[str, Any]) -> Any:
    """The factor on a site's log density, from plates and handlers."""
    return 1.0 if site["scale"] is None else site["scale"]
