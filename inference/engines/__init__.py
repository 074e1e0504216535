"""The engines: the only part of `inference` that knows Pyro or NumPyro.

Each engine is a package with the same names. `load_engine` imports the one that is asked for.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from types import ModuleType
from typing import Any

from inference.errors import ArgumentError

ENGINES = ("pyro", "numpyro")
_ROOTS = {"pyro": {"pyro", "torch"}, "numpyro": {"numpyro", "jax", "flax"}}


def load_engine(name: str) -> ModuleType:
    """Import one engine.

    Raises:
        ArgumentError: if there is no engine of that name.
    """
    if name not in ENGINES:
        raise ArgumentError(f"engine must be 'pyro' or 'numpyro', got {name!r}.")
    return importlib.import_module(f"inference.engines.{name}")


def engine_name(pair: Any) -> str:
    """The engine that a pair, or a bare `(model, guide)` tuple, is written for.

    A pair says so itself (`pair.engine`). Otherwise the classes of the two objects and the globals
    of their functions tell: whoever calls `pyro.sample` has torch or pyro among them.

    Raises:
        ArgumentError: if nothing or both can be found.
    """
    declared = getattr(pair, "engine", None)
    if declared in ENGINES:
        return str(declared)
    parts = pair if isinstance(pair, tuple) else (pair.model, pair.guide)
    found = {engine for part in parts for engine in _mentioned(part)}
    if len(found) != 1:
        raise ArgumentError(
            "cannot tell whether the model and guide are written in Pyro or in NumPyro; pass "
            "engine='pyro' or engine='numpyro'."
        )
    return found.pop()


def _mentioned(part: Any) -> set[str]:
    """The engines that an object's classes, or else the globals of its code, belong to."""
    while isinstance(part, functools.partial):
        part = part.func
    owner = getattr(part, "__self__", part)
    homes = {base.__module__ for base in type(owner).__mro__}
    roots = {home.split(".")[0] for home in homes}
    found = {engine for engine, names in _ROOTS.items() if roots & names}
    if found:
        return found
    function = getattr(part, "__func__", part)
    namespaces = [getattr(function, "__globals__", {})]
    if getattr(function, "__closure__", None):  # the library was imported in a function around it
        namespaces.append(inspect.getclosurevars(function).nonlocals)
    namespaces += [vars(sys.modules[home]) for home in homes - {"builtins"} if home in sys.modules]
    tops = {_top_module(value) for namespace in namespaces for value in namespace.values()}
    return tops & set(ENGINES)


def _top_module(value: Any) -> str:
    attribute = "__name__" if isinstance(value, ModuleType) else "__module__"
    return str(getattr(value, attribute, "")).split(".")[0]
