"""The engines: the only part of `inference` that knows Pyro or NumPyro.

Each engine is a package with the same names. `load_engine` imports the one that is asked for.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from types import CodeType, FunctionType, ModuleType
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

    A pair says so itself (`pair.engine`). Otherwise the classes of the two objects tell, or the
    names that their code uses: whoever calls `pyro.sample` names something of Pyro's.

    Raises:
        ArgumentError: if nothing or both can be found.
    """
    declared = getattr(pair, "engine", None)
    if declared in ENGINES:
        return str(declared)
    parts = pair if isinstance(pair, tuple) else (pair.model, pair.guide)
    found = set.intersection(*(_mentioned(part) or set(ENGINES) for part in parts))
    if len(found) != 1:
        raise ArgumentError(
            "cannot tell whether the model and guide are written in Pyro or in NumPyro; pass "
            "engine='pyro' or engine='numpyro'."
        )
    return found.pop()


def _mentioned(part: Any) -> set[str]:
    """The engines that an object's classes belong to, or else the names that its code uses."""
    while isinstance(part, functools.partial):
        part = part.func
    owner = getattr(part, "__self__", part)
    roots = {base.__module__.split(".")[0] for base in type(owner).__mro__}
    found = {engine for engine, names in _ROOTS.items() if roots & names}
    if found:
        return found
    function = getattr(part, "__func__", part)
    if not isinstance(function, FunctionType):
        function = type(part).__call__
    if not isinstance(function, FunctionType):
        return set()
    names = _names(function.__code__)
    known = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
    used = {_top_module(known[name]) for name in names if name in known} & set(ENGINES)
    # A model may leave its statements to functions that it calls: then its module has to tell.
    return used or {_top_module(value) for value in known.values()} & set(ENGINES)


def _names(code: CodeType) -> set[str]:
    """The global and enclosing names in a function's code and in the functions inside of it."""
    inner = [part for part in code.co_consts if isinstance(part, CodeType)]
    return {*code.co_names, *code.co_freevars}.union(*map(_names, inner))


def _top_module(value: Any) -> str:
    attribute = "__name__" if isinstance(value, ModuleType) else "__module__"
    return str(getattr(value, attribute, "")).split(".")[0]
