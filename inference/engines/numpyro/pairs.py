"""Pairs and their parameters on NumPyro."""

from __future__ import annotations

import contextlib
import copy
import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType
from typing import Any

import jax
import numpy as np
from flax import nnx
from numpy.typing import NDArray
from numpyro.handlers import substitute
from numpyro.infer.autoguide import AutoGuide

from inference.engines.numpyro.pickling import register
from inference.engines.numpyro.traces import parameters_in, traces
from inference.errors import RunFolderError
from inference.program.batches import Form, OnArrays, plain_form, whole
from inference.program.batches import on_arrays as of_arrays
from inference.program.closures import objects_of

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
        if not callable(value) or not hasattr(value, "__self__"):
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


def untouched_parts(pair: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The model and the guide, for a look at some rows that leaves nothing behind in the guide.

    An autoguide is made for the rows of its first run, so that until then a copy runs in its place.
    """
    model, guide = parts(pair)
    own: Any = whole(guide)
    if isinstance(own, AutoGuide) and own.prototype_trace is None:
        twin = copy.deepcopy(own, {id(own.model): own.model})
        on = guide if isinstance(guide, OnArrays) else None
        return model, twin if on is None else OnArrays(twin, on.form, on.convert)
    return model, guide


_MODES = ("use_running_average", "deterministic")  # of batch normalisation and dropout in flax


@contextlib.contextmanager
def evaluating(pair: Any) -> Iterator[None]:
    """Put the batch normalisation and dropout of a pair's networks into evaluation mode, then back.

    What is compiled meanwhile keeps that mode.
    """
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
    waiting: list[Any] = list(objects_of(pair).values())
    found: dict[int, nnx.Module] = {}
    seen: set[int] = set()
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, nnx.Module):
            found[id(part)] = part
        elif isinstance(part, FunctionType) and part.__closure__:
            waiting += inspect.getclosurevars(part).nonlocals.values()
    return list(found.values())


def parameters(pair: StoredPair) -> dict[str, NDArray[Any]]:
    """Parameter sites, some of them trees, as name to array: `decoder.layers.0.kernel`."""
    return public_names(flatten(pair.values))


def params(pair: StoredPair) -> dict[str, Any]:
    """Parameter sites and networks' state by name, nested as the programs ask for them."""
    return jax.tree.map(lambda leaf: leaf, pair.values)


def public_names(flat: Mapping[str, Any]) -> dict[str, Any]:
    """What `flatten` made, under names to read; without batch normalisation's averages."""
    named = {}
    for path, array in flat.items():
        site, *keys = json.loads(path)
        if not site.endswith("$state"):
            words = (str(key[0] if isinstance(key, list) else key) for key in keys)
            named[".".join([site.removesuffix("$params"), *words])] = array
    return named


def flatten(values: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Nested dictionaries of arrays as one level, each name a JSON list of keys.

    The position in a list or tuple is written as a list of its own: `[0]`.
    """
    flat = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(dict(values))[0]:
        keys = [getattr(s, "key", [s.idx] if hasattr(s, "idx") else str(s)) for s in path]
        flat[json.dumps(keys)] = np.asarray(leaf)
    return flat


def stored(
    pair: Any, values: Mapping[str, NDArray[Any]], template: Mapping[str, Any]
) -> StoredPair:
    """The fitted pair from what `flatten` made of values that are nested as the template's.

    Raises:
        RunFolderError: if the names or shapes are not the template's.
    """
    own = flatten(template)
    if {n: v.shape for n, v in own.items()} != {n: v.shape for n, v in values.items()}:
        raise RunFolderError(
            "the checkpoint holds other parameters than this pair; pass the pair that wrote it, or "
            "choose another out=."
        )
    tree = jax.tree.structure(dict(template))
    nested = jax.tree.unflatten(tree, [jax.numpy.asarray(values[name]) for name in own])
    return StoredPair(pair.wrapped if isinstance(pair, StoredPair) else pair, nested)


def rebuild(
    pair: Any,
    values: Mapping[str, NDArray[Any]],
    batch: tuple[Any, ...],
    form: Form | None = None,
) -> StoredPair:
    """The fitted pair from what `flatten` made.

    Running it on `batch` shows how its parameters are nested; where they are all in dictionaries,
    that is known without.

    Args:
        pair: the untrained pair.
        values: what `flatten` made.
        batch: arrays of some rows of data.
        form: how they make up what model and guide take.

    Raises:
        RunFolderError: if a name is not one that `flatten` writes, the parameters are not the
            pair's, or a batch is needed.
    """
    form = plain_form(len(batch)) if form is None else form
    if batch or not form.plain:
        args, kwargs = form.fill(tuple(map(jax.numpy.asarray, batch)), as_array)
        both = traces(jax.random.PRNGKey(0), {}, *parts(pair), args, kwargs)
        template = parameters_in(*both)
        return stored(pair, values, template)
    inner = pair.wrapped if isinstance(pair, StoredPair) else pair
    return StoredPair(inner, nested(values))


def nested(values: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """What `flatten` made, as nested dictionaries.

    Raises:
        RunFolderError: if a name is not one that `flatten` writes, or there were lists.
    """
    tree: dict[str, Any] = {}
    for name, array in values.items():
        try:
            *parents, last = json.loads(name)
        except ValueError as error:
            raise RunFolderError(f"{name!r} is no parameter of a NumPyro run.") from error
        if any(isinstance(key, list) for key in (*parents, last)):
            raise RunFolderError(
                "the run's parameters are nested in lists; pass some rows of data to find out how: "
                "load_run(folder, pair=..., batch=...)."
            )
        branch = tree
        for key in parents:
            branch = branch.setdefault(key, {})
        branch[last] = jax.numpy.asarray(array)
    return tree
