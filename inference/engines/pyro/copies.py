"""Copies of a pair on Pyro, to be looked at or trained while the pair stays as it is."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pyro
import torch
from pyro.contrib.easyguide import EasyGuide
from pyro.infer.autoguide.guides import AutoGuide

from inference.engines.pyro.isolation import random_states, with_gradients
from inference.engines.pyro.pair_networks import networks
from inference.engines.pyro.pairs import StoredPair, as_tensor, parts
from inference.engines.pyro.pairs import on_arrays as on_these
from inference.engines.pyro.random_state import seed_all
from inference.program.batches import Form, OnArrays, whole


def untouched_parts(pair: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The model and the guide, for a look at some rows that leaves nothing behind in the guide.

    An autoguide is made for the rows of its first run, so that until then a copy runs in its place.
    """
    model, guide = parts(pair)
    own: Any = whole(guide)
    if isinstance(own, (AutoGuide, EasyGuide)) and own.prototype_trace is None:
        twin = _copy(own, {id(own.model): own.model})
        on = guide if isinstance(guide, OnArrays) else None
        return model, twin if on is None else OnArrays(twin, on.form, on.convert)
    return model, guide


def on_arrays(pair: Any, form: Form, rows: tuple[Any, ...] = ()) -> Any:
    """The pair as one whose model and guide take the arrays of a batch alone.

    Args:
        pair: the pair.
        form: how the arrays make up what model and guide take.
        rows: all rows that it is then asked about. What runs on them make of bare functions,
            parameters in Pyro's store and an autoguide that has not run yet, is kept apart.
    """
    known: Any = pyro.get_param_store().get_state()
    pair = on_these(pair, form)
    if not rows or not isinstance(pair, tuple):
        return pair
    twin = StoredPair(untouched_parts(pair), {key: dict(held) for key, held in known.items()})
    if twin.wrapped != pair:
        with random_states(), torch.no_grad(), pyro.validation_enabled(False):
            seed_all(0)
            twin.guide(*map(as_tensor, rows))
    return twin


def _copy(value: Any, memo: dict[int, Any] | None = None) -> Any:
    """A deep copy in which autoguides keep their models.

    An autoguide that is copied by Pyro loses its model, and so does the copy.
    """
    memo = {} if memo is None else memo
    detach_kept(getattr(value, "wrapped", value), memo)
    inside = (
        module
        for network in networks(getattr(value, "wrapped", value))
        for module in network.modules()
    )
    guides = [(each, each._model, each.master) for each in inside if isinstance(each, AutoGuide)]
    try:
        twin = copy.deepcopy(value, memo)
    finally:
        for guide, models, master in guides:
            guide._model, guide.master = models, master
    for guide, models, _ in guides:
        if id(guide) in memo:  # those that a function closes over are not copied
            memo[id(guide)]._model = copy.deepcopy(models, memo)
    return twin


def detach_kept(value: Any, memo: dict[int, Any]) -> None:
    """Have `copy.deepcopy` detach what networks keep of their last run, such as an activation.

    Torch copies no tensor that has a gradient's history; the copy makes its own in its first run.
    """
    waiting = [vars(value)] if hasattr(value, "__dict__") else [value]
    waiting += [vars(m) for network in networks(value) for m in network.modules()]
    seen = set[int]()
    while waiting:
        one = waiting.pop()
        if isinstance(one, torch.Tensor) and not one.is_leaf:
            memo[id(one)] = one.detach().clone()
        elif isinstance(one, (dict, list, tuple)) and id(one) not in seen:
            seen.add(id(one))
            waiting += one.values() if isinstance(one, dict) else one


@with_gradients()
def isolate(pair: Any, device: torch.device) -> StoredPair:
    """A copy of the pair on a device, with its own store; a tuple of functions is not copied.

    The networks that bare functions close over cannot be copied, so they are trained in place, as
    they are by Pyro's own SVI.
    """
    if isinstance(pair, StoredPair):
        twin = _copy(pair)
        if isinstance(twin.wrapped, torch.nn.Module):  # its copy registers under a new name
            own = {id(tensor) for tensor in twin.wrapped.parameters()}
            stored = twin.store["params"]
            twin.store["params"] = {n: t for n, t in stored.items() if id(t) not in own}
    else:
        twin = StoredPair(pair if isinstance(pair, tuple) else _copy(pair))
    for network in networks(twin.wrapped):
        network.to(device)
    return twin
