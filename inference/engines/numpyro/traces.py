"""Runs of a NumPyro model or guide, and what is in them."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, random
from numpyro import handlers
from numpyro.distributions import Unit

from inference.engines.numpyro.handlers import Blind, Replay, Steer
from inference.engines.thread_lock import ALONE
from inference.program.generators import rows_drawn
from inference.program.program import OWNED

Trace = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Run:
    """One run of a model or a guide.

    Attributes:
        trace: the run as NumPyro writes it down, with parameters, plates and computed values.
        returned: what the program returned.
    """

    trace: Trace
    returned: Any

    @property
    def sites(self) -> dict[str, Any]:
        """The sample sites by name; see `samples`."""
        return dict(samples(self.trace))

    @property
    def proposals(self) -> dict[str, Any]:
        """The sample sites of a guide; see `without_observations`."""
        return dict(samples(without_observations(self.trace)))

    @property
    def latents(self) -> dict[str, Any]:
        """The sample sites that observe nothing."""
        return {name: site for name, site in self.sites.items() if not site["is_observed"]}

    @property
    def values(self) -> dict[str, Array]:
        """The values of the latents."""
        return {name: site["value"] for name, site in self.latents.items()}

    @property
    def computed(self) -> dict[str, Array]:
        """The values of `numpyro.deterministic` statements."""
        return computed(self.trace)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters that the program asked for, and the networks' state."""
        return parameters_in(self.trace)

    @property
    def rows(self) -> dict[str, Array]:
        """The rows that subsampled plates chose."""
        return rows_in(self.trace)


def run(
    part: Callable[..., Any],
    key: Array | None,
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None,
    *,
    params: Mapping[str, Any] | None = None,
    steer: Callable[..., Any] | None = None,
    values: Mapping[str, Any] | None = None,
    size: int | None = None,
    blind: bool = False,
    replay: Trace | None = None,
) -> Run:
    """Run a model or a guide once.

    Args:
        part: the model or the guide.
        key: of its draws; None where a handler around it has one.
        args: what it takes by position.
        kwargs: what it takes by name.
        params: values of parameters, and of the networks' state.
        steer: makes the handler that decides values.
        values: latents at values, where that is all that is decided.
        size: let the model draw so many rows, in place of its first argument.
        blind: whether observed sites are drawn.
        replay: a run whose draws this one takes.
    """
    with ALONE:
        if blind:
            part = Blind(part)
        if key is not None:
            part = handlers.seed(part, key)
        if replay is not None:
            drawn: Any = replay
            part = Replay(part, drawn)
        part = tracer = handlers.trace(handlers.substitute(part, data=dict(params or {})))
        if values is not None:
            part = Steer(part, values=values)
        elif steer is not None:
            part = steer(part)
        named = dict(kwargs or {})
        if size is not None:
            args, named = (None, *args[1:]), named | {"size": size}
        returned = part(*args, **named)
        return Run(tracer.trace, returned)


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
        of_guide = run(guide, guide_key, args, kwargs, params=seen, steer=steer).trace
        # A network that model and guide share sees the state that the guide left.
        params |= {n: s["value"] for n, s in of_guide.items() if s["type"] == "mutable"}
        of_model = run(
            model, model_key, args, kwargs, params=params, steer=steer, replay=of_guide
        ).trace
    return without_observations(of_guide), of_model


def without_observations(guide_trace: Trace) -> Trace:
    """A guide's trace without what it observes, which is no part of q: it draws nothing there.

    A factor is one, such as the momenta of an annealed guide.
    """
    return {
        name: site
        for name, site in guide_trace.items()
        if site["type"] != "sample" or not site["is_observed"] or isinstance(site["fn"], Unit)
    }


@contextlib.contextmanager
def state_kept(*traces: Trace) -> Iterator[None]:
    """Leave the networks' state as it was, whatever densities are worked out meanwhile.

    A law whose density is a network's, such as a flow's with batch norm, writes its new state down
    whenever it is scored: only a step's own score may do so.
    """
    sites = [site for trace in traces for site in trace.values() if site["type"] == "mutable"]
    held = [site["value"] for site in sites if isinstance(site["value"], dict)]
    before: list[dict[Any, Any]] = jax.tree.map(lambda leaf: leaf, held)
    try:
        yield
    finally:
        for state, old in zip(held, before, strict=True):
            state.clear()
            state.update(old)


def samples(trace: Trace) -> list[tuple[str, Mapping[str, Any]]]:
    """The sample sites of a trace."""
    return [(name, site) for name, site in trace.items() if site["type"] == "sample"]


def parameters_in(*traces: Trace) -> dict[str, Any]:
    """The values of parameters and of the networks' state."""
    kinds = ("param", "mutable")
    sites = (item for trace in traces for item in trace.items())
    return {name: site["value"] for name, site in sites if site["type"] in kinds}


def rows_in(*traces: Trace) -> dict[str, Array]:
    """The rows that subsampled plates chose."""
    return {
        name: site["value"]
        for trace in traces
        for name, site in trace.items()
        if site["type"] == "plate" and site["args"][0] != site["args"][1]
    }


def computed(trace: Trace) -> dict[str, Array]:
    """What the program computed in `numpyro.deterministic` statements, by their names."""
    return {
        name: jnp.asarray(site["value"])
        for name, site in trace.items()
        if site["type"] == "deterministic"
    }


def rows_of(model: Callable[[], Any]) -> Any:
    """The rows that a run of a model draws that observes nothing."""
    made = run(model, None, ())
    return rows_drawn(made.returned, made.computed)


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
