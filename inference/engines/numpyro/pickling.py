"""Pickling of what a pair keeps as attributes: compiled functions, and autoguides with lambdas."""

from __future__ import annotations

import copyreg
import importlib
from typing import Any

import jax
from jax import random
from jax.example_libraries import stax
from numpyro.infer import Trace_ELBO
from numpyro.infer.autoguide import AutoIAFNormal, AutoLaplaceApproximation


def register() -> None:
    """Let jax's own kinds of functions be pickled by name, as any function of a module is.

    By itself pickle looks into them, finds the function that was compiled, and does not find that
    one under its name.
    """
    for kind in (type(jax.jit(lambda: 0)), jax.custom_jvp, jax.custom_vjp):
        copyreg.pickle(kind, _by_name)
    copyreg.pickle(AutoIAFNormal, _autoguide)
    copyreg.pickle(AutoLaplaceApproximation, _laplace)


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


def _laplace(guide: Any) -> Any:
    """The same where the loss, and the curvature if none was given, are local functions."""
    state = dict(guide.__getstate__())
    if getattr(state.get("_hessian_fn"), "__module__", "") == AutoLaplaceApproximation.__module__:
        state["_hessian_fn"] = _hessian
    if "_loss_fn" in state and not isinstance(state["_loss_fn"], _MapLoss):
        loss = state["_loss_fn"]
        names = loss.__code__.co_freevars
        held = {n: cell.cell_contents for n, cell in zip(names, loss.__closure__, strict=True)}
        state["_loss_fn"] = _MapLoss(guide, held["args"], held["kwargs"])
    return copyreg.__newobj__, (type(guide),), state  # pyright: ignore[reportAttributeAccessIssue]


def _hessian(function: Any, point: Any) -> Any:
    return jax.hessian(function)(point)


class _MapLoss:
    """The loss whose curvature is a Laplace approximation's, on what the guide was made on."""

    def __init__(self, guide: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.guide, self.args, self.kwargs = guide, args, kwargs

    def __call__(self, params: dict[str, Any]) -> Any:
        loss = Trace_ELBO().loss
        return loss(random.key(0), params, self.guide.model, self.guide, *self.args, **self.kwargs)
