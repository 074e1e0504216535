"""Pickling of what a pair keeps as attributes: compiled functions, and autoguides with lambdas."""

from __future__ import annotations

import copyreg
import importlib
from typing import Any

import jax
from jax.example_libraries import stax
from numpyro.infer.autoguide import AutoIAFNormal


def register() -> None:
    """Let jax's own kinds of functions be pickled by name, as any function of a module is.

    By itself pickle looks into them, finds the function that was compiled, and does not find that
    one under its name.
    """
    for kind in (type(jax.jit(lambda: 0)), jax.custom_jvp, jax.custom_vjp):
        copyreg.pickle(kind, _by_name)
    copyreg.pickle(AutoIAFNormal, _autoguide)


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


class _Layer:
    """In the place of a layer of stax, and becomes that again."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __reduce__(self) -> Any:
        return _layer, (self.name,)


def _layer(name: str) -> Any:
    return getattr(stax, name)


def _autoguide(guide: Any) -> Any:
    """An autoguide by its state, whose layers of stax, made of lambdas, have names there."""
    layers = {id(value): name for name, value in vars(stax).items() if isinstance(value, tuple)}
    state = {
        attribute: _Layer(layers[id(value)]) if id(value) in layers else value
        for attribute, value in guide.__getstate__().items()
    }
    return copyreg.__newobj__, (type(guide),), state  # pyright: ignore[reportAttributeAccessIssue]
