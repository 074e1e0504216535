"""The engines: the only part of `inference` that knows Pyro or NumPyro.

Each engine is a package with the same names. `load_engine` imports the one that is asked for.
"""

from __future__ import annotations

import dis
import functools
import importlib
import inspect
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any, cast

from inference.descriptions import has, shown
from inference.engines.thread_lock import ALONE
from inference.errors import ArgumentError
from inference.program.batches import Form, whole
from inference.program.engine import Engine

ENGINES = ("pyro", "numpyro")
_READ = {"LOAD_GLOBAL", "LOAD_NAME"}  # what reads a name of a module
_ROOTS = {"pyro": {"pyro", "torch"}, "numpyro": {"numpyro", "jax", "flax"}}


def check_engine(name: Any) -> str:
    """Check the name of an engine.

    Raises:
        ArgumentError: if there is no engine of that name.
    """
    if not isinstance(name, str) or name not in ENGINES:
        raise ArgumentError(f"engine must be 'pyro' or 'numpyro', got {shown(name)}.")
    return name


def load_engine(name: str) -> Engine:
    """Import one engine.

    Raises:
        ArgumentError: if there is no engine of that name.
    """
    check_engine(name)
    return cast(Engine, importlib.import_module(f"inference.engines.{name}"))


def engine_name(pair: Any, data: Any = None) -> str:
    """The engine that a pair, or a bare `(model, guide)` tuple, is written for.

    A pair says so itself (`pair.engine`). Otherwise the classes of the two objects tell, or the
    names that their code uses: whoever calls `pyro.sample` names something of Pyro's. Where these
    say nothing or name both, the model is started on the data, or else the guide, and whichever
    library its first statement reaches is the one; and without data what their modules import.

    Args:
        pair: a pair or a `(model, guide)` tuple.
        data: what the pair is to be given, in any form that `fit` takes, or a call's `Form`.

    Raises:
        ArgumentError: if nothing or both can be found.
    """
    declared = getattr(pair, "engine", None)
    if declared in ENGINES:
        return str(declared)
    parts = tuple(map(whole, pair if isinstance(pair, tuple) else (pair.model, pair.guide)))
    found = _agreed(map(_named, parts))
    if len(found) > 1:
        found = _started(parts, data) or _agreed(map(_imported, parts))
    if len(found) != 1:
        raise ArgumentError(
            "cannot tell whether the model and guide are written in Pyro or in NumPyro; pass "
            "engine='pyro' or engine='numpyro'."
        )
    return found.pop()


def _agreed(said: Iterable[set[str]]) -> set[str]:
    """The engines that fit all parts; one that says nothing fits all."""
    return set.intersection(set(ENGINES), *(engines or set(ENGINES) for engines in said))


def _started(parts: Any, data: Any) -> set[str]:
    """The engines whose statement is the first of the model or else of the guide."""
    from inference.engines.first_statement import library_of

    example = _example(data)
    if example is None or len(parts) != 2:
        return set()
    args, named = example
    ways: list[tuple[tuple[Any, ...], dict[str, Any]]] = [example]
    if named and not args:  # or the dictionary is the only argument
        ways.append(((named,), {}))
    with ALONE:
        found = (library_of(part, *way) for way in ways for part in parts)
        return next(filter(None, found), set[str]())


def _example(data: Any) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Arguments by position and by name for one call; None if data would be used up by a look."""
    if isinstance(data, Form):
        return data.args, data.kwargs
    if has(data, "train"):
        labels = getattr(data, "y", None) or {}
        data = (data.train, labels["train"]) if labels else data.train
    elif not isinstance(data, (tuple, dict)) and not has(data, "shape"):
        if not isinstance(data, Iterable) or isinstance(data, Iterator):
            return None
        data = next(iter(data), None)  # of batches
        data = tuple(data) if isinstance(data, list) else data
    if data is None:
        return None
    if isinstance(data, dict):
        return (), data
    return (data if isinstance(data, tuple) else (data,)), {}


def _named(part: Any) -> set[str]:
    """The engines that an object's classes belong to, or else the names that its code uses."""
    while isinstance(part, functools.partial):
        part = part.func
    owner = getattr(part, "__self__", part)
    roots = {base.__module__.split(".")[0] for base in type(owner).__mro__}
    found = {engine for engine, names in _ROOTS.items() if roots & names}
    function = _function(part)
    if found or function is None:
        return found
    names, known = _names(function.__code__), _known(function)
    return {_top_module(known[name]) for name in names if name in known} & set(ENGINES)


def _imported(part: Any) -> set[str]:
    """The engines of which an object's module has something: it may call functions of its own."""
    function = _function(part)
    if function is None:
        return set()
    return {_top_module(value) for value in _known(function).values()} & set(ENGINES)


def _function(part: Any) -> FunctionType | None:
    """The function that runs when a part is called; None if it is none of Python's."""
    while isinstance(part, functools.partial):
        part = part.func
    function = getattr(part, "__func__", part)
    if not isinstance(function, FunctionType):
        function = type(part).__call__
    return function if isinstance(function, FunctionType) else None


def _known(function: FunctionType) -> dict[str, Any]:
    """What the names in a function's code stand for."""
    return {**function.__globals__, **inspect.getclosurevars(function).nonlocals}


def _names(code: CodeType) -> set[str]:
    """The global and enclosing names in a function's code and in the functions inside of it."""
    inner = [part for part in code.co_consts if isinstance(part, CodeType)]
    # Names of attributes are none: `words.handlers` is not the module's own `handlers`.
    read = (each.argval for each in dis.get_instructions(code) if each.opname in _READ)
    return {*read, *code.co_freevars}.union(*map(_names, inner))


def _top_module(value: Any) -> str:
    attribute = "__name__" if isinstance(value, ModuleType) else "__module__"
    return str(getattr(value, attribute, "")).split(".")[0]
