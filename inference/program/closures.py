"""The objects that a pair holds or that its functions close over."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType, NoneType
from typing import Any, TypeVar

import numpy as np

from inference.program.batches import Leading, OnArrays

T = TypeVar("T")
_DEEPEST = 2  # containers in containers
# Of what a program reaches most is of these, which lead nowhere.
_LEAVES = frozenset(
    {NoneType, bool, int, float, complex, str, bytes, np.ndarray, BuiltinFunctionType}
)
# Packages whose classes hold no network of a pair's.
_NO_NETWORKS = ("builtins", "abc", "typing", "torch", "pyro", "jax", "flax", "numpyro", "optax")


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
            found |= held_by(owner)
            found |= getattr(owner, "_modules", {})  # of a torch module
        function = getattr(part, "__func__", part)
        if isinstance(function, FunctionType):
            found |= closed_over(function) | named_in(function)
    return found


def held_by(value: Any) -> dict[str, Any]:
    """The attributes of an object: its own, and those that its classes hold for all objects."""
    found: dict[str, Any] = {}
    for kind in reversed(type(value).__mro__):
        if kind.__module__.split(".")[0] not in _NO_NETWORKS:
            found |= {n: v for n, v in vars(kind).items() if not n.startswith("__")}
    return found | getattr(value, "__dict__", {})


def closed_over(function: FunctionType) -> dict[str, Any]:
    """What a function closes over, as far as it has a value yet."""
    found: dict[str, Any] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # not assigned yet
            found[name] = cell.cell_contents
    return found


def named_in(function: FunctionType) -> dict[str, Any]:
    """The globals of its module that a function may use; names of attributes are among them."""
    known = function.__globals__
    return {name: known[name] for name in function.__code__.co_names if name in known}


def reached_from(value: Any, libraries: tuple[str, ...]) -> list[Any]:
    """What may hold a network, one step from a value.

    Args:
        value: a function (what it closes over or names in its module), a method, a
            `functools.partial`, a list, tuple or dictionary, or any object (what it holds).
        libraries: packages whose functions are not looked into.
    """
    return [each for each in _held(value, libraries) if type(each) not in _LEAVES]


def _held(value: Any, libraries: tuple[str, ...]) -> Iterable[Any]:
    if isinstance(value, (OnArrays, Leading)):  # and not who converts arrays, a whole trainer
        return [value.function]
    if isinstance(value, (classmethod, staticmethod)):
        return [value.__func__]
    if isinstance(value, property):
        return [value.fget]
    if isinstance(value, functools.partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, MethodType):
        return [value.__self__, value.__func__, *held_by(value.__self__).values()]
    if isinstance(value, FunctionType):
        if (value.__module__ or "").split(".")[0] in libraries:
            return []
        return [*closed_over(value).values(), *named_in(value).values()]
    if isinstance(value, (list, tuple)):
        return value
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, (type, ModuleType)) or not hasattr(value, "__dict__"):
        return []
    return list(held_by(value).values()) + [type(value).__call__] * callable(value)


def all_reached(
    values: Iterable[Any],
    kind: type[T],
    libraries: tuple[str, ...],
    inside: Callable[[T], list[Any]] = lambda _: [],
) -> list[T]:
    """The objects of a kind that values are, hold or close over, at any depth.

    Args:
        values: where to begin.
        kind: the class.
        libraries: packages whose functions are not looked into.
        inside: where to look on in an object of the kind.
    """
    waiting = list(values)
    found: dict[int, T] = {}
    seen: set[int] = set()
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, kind):
            found[id(part)] = part
            waiting += inside(part)
        else:
            waiting += reached_from(part, libraries)
    return list(found.values())
