"""Pairs on Pyro, and the pair that has a parameter store which nobody else sees."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyro
import torch

from inference.engines.funsor_backend import use_in_funsor
from inference.engines.pyro.missing_values import Fill
from inference.engines.pyro.pair_networks import networks
from inference.engines.pyro.traces import proposing
from inference.engines.thread_lock import ALONE
from inference.program.batches import Form
from inference.program.batches import on_arrays as of_arrays


class StoredPair:
    """A pair with a parameter store of its own: what `fit` trains and what it returns.

    Every method of the wrapped pair runs with the stored parameters; every other attribute is the
    pair's.

    Attributes:
        wrapped: the pair or `(model, guide)` tuple underneath.
        store: the state of the parameter store.
    """

    engine = "pyro"

    def __init__(self, wrapped: Any, store: dict[str, Any] | None = None) -> None:
        self.wrapped = wrapped
        self.store: dict[str, Any] = store or {"params": {}, "constraints": {}}
        self.fills = False  # whether missing values under a mask are filled in: see `filling`
        self._active = False

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Use this pair's parameter store in place of Pyro's global one."""
        with ALONE:
            if self._active:
                yield
                return
            self._active = True
            use_in_funsor("torch", "pyro")
            try:
                # What is registered inside is written back on leaving, errors or not.
                store: Any = pyro.get_param_store()
                with store.scope(self.store):
                    try:
                        yield
                    finally:
                        self.store.update(store.get_state())
            finally:
                self._active = False

    def model(self, *args: Any, **kwargs: Any) -> Any:
        """The wrapped model, with the stored parameters."""
        with self.scope(), Fill() if self.fills else contextlib.nullcontext():
            return parts(self.wrapped)[0](*args, **kwargs)

    def guide(self, *args: Any, **kwargs: Any) -> Any:
        """The wrapped guide, with the stored parameters."""
        with self.scope():
            return proposing(parts(self.wrapped)[1])(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "wrapped":
            raise AttributeError(name)
        value = getattr(self.wrapped, name)
        if not callable(value) or not hasattr(value, "__self__"):
            return value

        def scoped(*args: Any, **kwargs: Any) -> Any:
            with self.scope():
                return value(*args, **kwargs)

        return scoped

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
    if not isinstance(pair, StoredPair):
        return tuple(of_arrays(part, form, as_tensor) for part in parts(pair))
    inner = tuple(of_arrays(part, form, as_tensor) for part in parts(pair.wrapped))
    twin = StoredPair(inner, pair.store)
    twin.fills = pair.fills
    return twin


def as_tensor(array: Any) -> Any:
    """A copy of an array as a tensor; everything else as it is."""
    return torch.tensor(array) if isinstance(array, np.ndarray) else array


@contextlib.contextmanager
def evaluating(pair: Any) -> Iterator[None]:
    """Put batch normalisation and dropout of a pair's networks in evaluation mode, then back."""
    with ALONE:
        found = networks(getattr(pair, "wrapped", pair))
        before = [(layer, layer.training) for network in found for layer in network.modules()]
        for network in found:
            network.eval()
        try:
            yield
        finally:
            for layer, mode in before:
                layer.training = mode
