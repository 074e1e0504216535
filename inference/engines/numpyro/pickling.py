"""Pickling of compiled functions, such as `jax.numpy.tanh`, that a pair keeps as attributes."""

from __future__ import annotations

import copyreg
import importlib
from typing import Any

import jax


def register() -> None:
    """Let jax's own kinds of functions be pickled by name, as any function of a module is.

    By itself pickle looks into them, finds the function that was compiled, and does not find that
    one under its name.
    """
    for kind in (type(jax.jit(lambda: 0)), jax.custom_jvp, jax.custom_vjp):
        copyreg.pickle(kind, _by_name)


def _by_name(function: Any) -> Any:
    """Its name, where it is found there; otherwise what pickle would make of it."""
    name = getattr(function, "__qualname__", "")
    try:
        found: Any = importlib.import_module(function.__module__)
        for part in name.split("."):
            found = getattr(found, part)
    except (AttributeError, ImportError, ValueError):
        found = None
    return name if found is function else function.__reduce_ex__(2)
