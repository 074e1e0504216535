"""Pairs, values and versions in terms of JSON: what specs and records of draws say of them."""

from __future__ import annotations

import functools
import importlib.metadata
import inspect
import numbers
import sys
from typing import Any

import numpy as np

_PACKAGES = ("torch", "pyro-ppl", "jax", "numpyro", "flax", "optax", "numpy")


def plain(value: Any) -> Any:
    """A value in terms of JSON; what has none is named by its type."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return float(value) if isinstance(value, numbers.Real) else name_of(value)  # a fraction


def name_of(value: Any) -> str:
    """Module and name of an object, or of its class."""
    while isinstance(value, functools.partial):
        value = value.func
    kind = value if inspect.isroutine(value) or isinstance(value, type) else type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


def describe_pair(pair: Any, engine: str) -> dict[str, Any]:
    """The pair's class and hyperparameters, or the names of its functions."""
    pair = getattr(pair, "wrapped", pair)
    if isinstance(pair, tuple):
        names = [getattr(part, "__qualname__", type(part).__qualname__) for part in pair]
        return {"engine": engine, "functions": names}
    kind = type(pair)
    weights = getattr(pair, "pretrained", None)  # older specs do not know the word
    return {
        "engine": engine,
        "class": f"{kind.__module__}:{kind.__qualname__}",
        "hyperparameters": plain(getattr(pair, "hyperparameters", None)),
        **({} if weights is None else {"pretrained": str(weights)}),
    }


def versions() -> dict[str, str]:
    """Versions of Python and of what the numbers depend on."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in _PACKAGES:
        found[package] = importlib.metadata.version(package)
    return found
