"""The spec of a run: everything that is needed to repeat it, as JSON."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from typing import Any

import numpy as np

from inference.errors import RunFolderError

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
    kind = value if isinstance(value, type) else type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


def describe_pair(pair: Any, engine: str) -> dict[str, Any]:
    """The pair's class and hyperparameters, or the names of its functions."""
    pair = getattr(pair, "wrapped", pair)
    if isinstance(pair, tuple):
        names = [getattr(part, "__qualname__", type(part).__qualname__) for part in pair]
        return {"engine": engine, "functions": names}
    kind = type(pair)
    return {
        "engine": engine,
        "class": f"{kind.__module__}:{kind.__qualname__}",
        "hyperparameters": plain(getattr(pair, "hyperparameters", None)),
    }


def rebuild_pair(description: dict[str, Any]) -> Any:
    """The untrained pair that a spec describes.

    Raises:
        RunFolderError: if the spec does not say enough, or what it names is no pair.
    """
    path, hyperparameters = description.get("class"), description.get("hyperparameters")
    if path is None or hyperparameters is None:
        raise RunFolderError(
            "the spec does not say how to build the pair, because it was not one of the zoo's; "
            "pass it: load_run(folder, pair=..., batch=...)."
        )
    module_name, _, name = path.partition(":")
    try:
        kind = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise RunFolderError(
            f"the run's pair {path!r} cannot be imported ({error}); pass it: "
            "load_run(folder, pair=..., batch=...)."
        ) from error
    # A spec is only data: nothing in it may call anything but a pair's constructor.
    if not (isinstance(kind, type) and hasattr(kind, "model") and hasattr(kind, "guide")):
        raise RunFolderError(f"the spec names {path!r}, which is not a class with model and guide.")
    return kind(**hyperparameters)


def versions() -> dict[str, str]:
    """Versions of Python and of what the numbers depend on."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in _PACKAGES:
        found[package] = importlib.metadata.version(package)
    return found


def difference(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> str | None:
    """The first entry in which two specs differ, in words; None if there is none."""
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            return difference(before, after, f"{prefix}{key}.")
        return f"{prefix}{key} was {_short(before)} and is now {_short(after)}"
    return None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
