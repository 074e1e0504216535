"""The objects that a pair holds or that its functions close over."""

from __future__ import annotations

import functools
import inspect
from types import FunctionType
from typing import Any

from inference.program.batches import OnArrays

_DEEPEST = 2  # containers in containers


def held_in(pair: Any, kind: type) -> dict[str, Any]:
    """Of the objects of a pair those of a kind, also in its lists, tuples and dictionaries."""
    found: dict[str, Any] = {}
    waiting = [(name, value, 0) for name, value in objects_of(pair).items()]
    for name, value, depth in waiting:  # it grows as containers are opened
        if isinstance(value, kind):
            found[name] = value
        elif depth < _DEEPEST and type(value) in (list, tuple, dict):
            inside = value.items() if isinstance(value, dict) else enumerate(value)
            waiting += [(f"{name}.{key}", each, depth + 1) for key, each in inside]
    return found


def objects_of(pair: Any) -> dict[str, Any]:
    """Objects by name: attributes of the pair and of its parts, closures, globals that are used."""
    pair = getattr(pair, "wrapped", pair)
    parts = list(pair) if isinstance(pair, tuple) else [pair, pair.model, pair.guide]
    found: dict[str, Any] = {}
    for part in parts:
        while isinstance(part, (functools.partial, OnArrays)):
            if isinstance(part, OnArrays):
                part = part.function
                continue
            found |= part.keywords
            part = part.func
        owner = getattr(part, "__self__", part)
        if not isinstance(owner, FunctionType):
            found |= vars(owner) if hasattr(owner, "__dict__") else {}
            found |= getattr(owner, "_modules", {})  # of a torch module
        function = getattr(part, "__func__", part)
        if isinstance(function, FunctionType):
            found |= inspect.getclosurevars(function).nonlocals
            used = set(function.__code__.co_names)
            found |= {n: v for n, v in function.__globals__.items() if n in used}
    return found
