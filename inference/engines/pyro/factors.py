"""What the factor statements of a Pyro model depend on, and data that it makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyro.distributions as dist
from pyro import poutine
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from inference.engines.pyro.traces import run
from inference.program.distributions import flatness, unwrapped
from inference.program.sites import DATA, LATENTS, PARAMETERS
from inference.program.structure import data_arguments

_BY_SHAPE = {  # operations whose result has nothing of their argument but its shape
    *("zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like"),
    *("new_zeros", "new_ones", "new_empty", "new_full", "new_empty_strided", "randint_like"),
}


def is_factor(fn: Any) -> bool:
    """Whether a site's distribution is that of a factor statement."""
    return any(isinstance(part, dist.Unit) for part in unwrapped(fn))


def sources(
    model: Callable[..., Any],
    model_trace: poutine.Trace,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> dict[str, tuple[str, ...]]:
    """By factor statement of a model, what its value is computed from; one more run if it has any.

    So is what observes no argument, where the prior of a latent is flat. The run is followed
    operation by operation, from data, latents and parameters.
    """
    sites = {n: s for n, s in model_trace.nodes.items() if s["type"] == "sample"}
    factors = [name for name, site in sites.items() if is_factor(site["fn"])]
    observed = {n: s for n, s in sites.items() if s["is_observed"] and n not in factors}
    given = {
        name: next((i for i, arg in enumerate(args) if arg is site["value"]), None)
        for name, site in observed.items()
    }
    flat = any(flatness(s["fn"], s["mask"]) for s in sites.values() if not s["is_observed"])
    names = [*factors, *(name for name in given if flat and given[name] is None)]
    if not names:
        return {}
    seen = given.values()
    flow = _Flow()
    for position in data_arguments(seen):
        flow.mark(args[position : position + 1], {DATA})
    for site in sites.values():
        if not site["is_observed"]:
            flow.mark(site["value"], {LATENTS})
    with flow:
        found = run(model, args, kwargs, replay=model_trace).trace
    return {name: tuple(sorted(flow.of(_value(found.nodes[name])))) for name in names}


def _value(site: Any) -> Any:
    units = (part.log_factor for part in unwrapped(site["fn"]) if isinstance(part, dist.Unit))
    return next(units, site["value"])


class _Flow(TorchDispatchMode):
    """Remembers of every tensor what it was computed from."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[int, tuple[Tensor, set[str]]] = {}  # a freed tensor's id is used again

    def mark(self, values: Any, names: set[str]) -> None:
        """Note that tensors are computed from what is named."""
        for tensor in tree_leaves(values):
            if isinstance(tensor, Tensor):
                self._known[id(tensor)] = tensor, names | self.of(tensor)

    def of(self, values: Any) -> set[str]:
        """What tensors are computed from."""
        found: set[str] = set()
        for tensor in tree_leaves(values):
            if isinstance(tensor, Tensor):
                found |= self._known[id(tensor)][1] if id(tensor) in self._known else set()
                found |= {PARAMETERS} if tensor.requires_grad else set()
        return found

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket.__name__ in _BY_SHAPE:
            return result
        found = self.of((args, kwargs))
        if found:
            self.mark(result, found)
            if func._schema.is_mutable and args:
                self.mark(args[0], found)
        return result
