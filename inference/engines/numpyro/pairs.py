"""Pairs on NumPyro, and the pair that has values for its parameters."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np
from flax import nnx
from numpyro.handlers import substitute

from inference.engines.numpyro.pickling import register
from inference.engines.thread_lock import ALONE
from inference.program.batches import Form
from inference.program.batches import on_arrays as of_arrays
from inference.program.closures import all_reached, objects_of

register()  # of whatever a pair holds


class StoredPair:
    """A pair with values for its parameters: what `fit` returns.

    Every method of the wrapped pair runs with the stored values; every other attribute is the
    pair's. NumPyro's own functions take it as any other model and guide.

    Attributes:
        wrapped: the pair or `(model, guide)` tuple underneath.
        values: parameter site to value, and the networks' mutable state.
    """

    engine = "numpyro"

    def __init__(self, wrapped: Any, values: Mapping[str, Any]) -> None:
        self.wrapped = wrapped
        self.values = dict(values)

    def model(self, *args: Any, **kwargs: Any) -> Any:
        """The wrapped model, with the stored values."""
        return substitute(parts(self.wrapped)[0], data=self.values)(*args, **kwargs)

    def guide(self, *args: Any, **kwargs: Any) -> Any:
        """The wrapped guide, with the stored values."""
        return substitute(parts(self.wrapped)[1], data=self.values)(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "wrapped":
            raise AttributeError(name)
        value = getattr(self.wrapped, name)
        owner = getattr(value, "__self__", None)
        if not callable(value) or owner is None or isinstance(owner, type):  # that makes others
            return value
        return substitute(value, data=self.values)

    def __repr__(self) -> str:
        return f"fitted {self.wrapped!r}"


def parts(pair: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The model and the guide of a pair or of a tuple."""
    return pair if isinstance(pair, tuple) else (pair.model, pair.guide)


def on_arrays(pair: Any, form: Form) -> Any:
    """The pair as one whose model and guide take the arrays of a batch alone.

    Args:
        pair: the pair.
        form: how the arrays make up what model and guide take.
    """
    if form.plain:
        return pair
    stored = isinstance(pair, StoredPair)
    inner = parts(pair.wrapped if stored else pair)
    functions = tuple(of_arrays(part, form, as_array) for part in inner)
    return StoredPair(functions, pair.values) if stored else functions


def as_array(value: Any) -> Any:
    """An array of numpy as one of jax; everything else as it is."""
    return jax.numpy.asarray(value) if isinstance(value, np.ndarray) else value


LIBRARIES = ("numpyro", "jax", "flax", "optax")
_MODES = ("use_running_average", "deterministic")  # of batch normalisation and dropout in flax


@contextlib.contextmanager
def evaluating(pair: Any) -> Iterator[None]:
    """Put the batch normalisation and dropout of a pair's networks into evaluation mode, then back.

    What is compiled meanwhile keeps that mode.
    """
    with ALONE:
        before = [
            (layer, mode, getattr(layer, mode))
            for network in _networks(pair)
            for _, layer in nnx.iter_modules(network)
            for mode in _MODES
            if hasattr(layer, mode)
        ]
        for layer, mode, _ in before:
            setattr(layer, mode, True)
        try:
            yield
        finally:
            for layer, mode, value in before:
                setattr(layer, mode, value)


def _networks(pair: Any) -> list[nnx.Module]:
    """The networks that a pair holds, or its functions close over, at any depth."""
    return all_reached(objects_of(pair).values(), nnx.Module, LIBRARIES)
