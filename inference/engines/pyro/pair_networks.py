"""The networks that a pair uses: its own, and those that bare functions and methods reach."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from types import MethodType, NoneType
from typing import Any

import torch

from inference.program.closures import held_by, reached_from
from inference.program.network import are_drawn

_LIBRARIES = ("pyro", "torch")


def networks(pair: Any) -> list[torch.nn.Module]:
    """Every network of a pair or of a `(model, guide)` tuple, none of them a part of another.

    Looked through are attributes of a pair, owners of methods, `functools.partial` and Pyro's
    handlers, what functions close over or name in their module, and lists, tuples and dictionaries.
    """
    seen: set[int] = set()
    parts = pair if isinstance(pair, tuple) else (pair, *held_by(pair).values())
    found = [network for part in parts for network in _reached(part, seen)]
    inner = {id(part) for network in found for part in list(network.modules())[1:]}
    return [network for network in found if id(network) not in inner]


def is_unregistered(
    network: torch.nn.Module, known: Collection[int], latents: Collection[str]
) -> bool:
    """Whether a network has parameters, of which a run asked for none.

    Args:
        network: the network.
        known: the identities of the parameters that were asked for.
        latents: the model's. Where they are its weights, as `pyro.random_module` and `poutine.lift`
            draw them, it is no network to be trained.
    """
    own = {n: id(tensor) for n, tensor in network.named_parameters() if tensor.requires_grad}
    unknown = own and not any(each in known for each in own.values())
    return bool(unknown) and not are_drawn(own, latents)


def _reached(value: Any, seen: set[int]) -> Iterator[torch.nn.Module]:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, torch.nn.Module):
        yield value
        return
    if isinstance(value, MethodType):
        beyond = [value.__self__, *held_by(value.__self__).values()]
        wrapped = getattr(value.__self__, "__dict__", {}).get("wrapped")
        if not isinstance(wrapped, (torch.nn.Module, tuple, NoneType)):  # a fitted pair's
            beyond += [wrapped, *getattr(wrapped, "__dict__", {}).values()]
    else:
        beyond = reached_from(value, _LIBRARIES)
    for part in beyond:
        yield from _reached(part, seen)
