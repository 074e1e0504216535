"""Parameters of a NumPyro pair under the names and layouts that its Pyro sibling has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
from flax import nnx
from numpy.typing import NDArray
from numpyro.handlers import seed
from numpyro.primitives import Messenger

from ppl_models._pair import Pair


class _Seen(Messenger):
    """Notes parameters and networks' state as a program comes upon them, before any changes."""

    def __init__(self, found: dict[str, Any]) -> None:
        super().__init__()
        self.found = found

    def postprocess_message(self, msg: Any) -> None:
        if msg["type"] in ("param", "mutable") and msg["value"] is not None:
            self.found.setdefault(msg["name"], jax.tree.map(lambda leaf: leaf, msg["value"]))


def get_weights(pair: Pair) -> dict[str, NDArray[Any]]:
    """Every parameter and running average by name; see `Pair.get_weights`.

    Model and guide say what they are: both are traced on a row, and nothing of them is computed.
    """
    return {name: np.asarray(value) for name, value in jax.jit(lambda: _sites(pair))().items()}


def set_weights(pair: Pair, weights: Mapping[str, NDArray[Any]]) -> None:
    """Put values in the place of the pair's own, whose names and shapes they have."""
    for name, value in weights.items():
        _put(pair, name, value)


def _sites(pair: Pair) -> dict[str, Any]:
    found: dict[str, Any] = {}
    example = pair.example()
    with _Seen(found), seed(rng_seed=0):  # a fitted pair puts its values in from outside
        pair.model(*example)
        pair.guide(*example)
    return dict(_flat(found))


def _flat(sites: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Sites, some of them trees, as name to array: `decoder.layers.0.weight`."""
    for site, tree in sites.items():
        state = site.endswith("$state")
        inner = tree["state"] if state else tree
        for path, leaf in jax.tree_util.tree_flatten_with_path(inner)[0]:
            keys = [str(getattr(step, "key", getattr(step, "idx", step))) for step in path]
            words = [site.removesuffix("$state").removesuffix("$params"), *keys]
            if words[-1] == "kernel":  # of a linear layer: (inputs, outputs), in torch the reverse
                words[-1], leaf = "weight", leaf.T
            yield ".".join(words), leaf


def _put(pair: Pair, name: str, value: NDArray[Any]) -> None:
    *parents, last = name.split(".")
    holder: Any = pair
    for part in parents:
        holder = holder[int(part)] if part.isdecimal() else getattr(holder, part)
    if last == "weight" and hasattr(holder, "kernel"):
        last, value = "kernel", value.T
    array = jax.numpy.asarray(value)
    if last.isdecimal() and isinstance(holder[int(last)], nnx.Variable):
        holder[int(last)][...] = array
    elif last.isdecimal():
        holder[int(last)] = array
    elif isinstance(getattr(holder, last, None), nnx.Variable):
        getattr(holder, last)[...] = array
    elif hasattr(holder, last):
        setattr(holder, last, array)
    else:
        holder.initial[last] = array
