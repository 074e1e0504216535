"""Random keys that networks keep in their state, such as those of dropout in flax NNX."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import numpy as np
from jax import Array, random
from numpy.typing import NDArray

_STEP = 2**31 - 3  # folded into a gradient's key, apart from those of draws: see `Passes.next_key`


def is_key(leaf: Any) -> bool:
    """Whether a leaf is one of jax's typed keys, which numpy has no form of."""
    return isinstance(leaf, Array) and jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def as_numpy(leaf: Any) -> NDArray[Any]:
    """A leaf as an array of numpy; of a key the numbers that it holds."""
    return np.asarray(random.key_data(leaf) if is_key(leaf) else leaf)


def kind_of(leaf: Any) -> str:
    """The name of a key's generator."""
    return str(random.key_impl(leaf))


def as_key(array: Any, kind: str) -> Array:
    """The key that holds these numbers."""
    return random.wrap_key_data(jax.numpy.asarray(array), impl=kind)


def as_tree(arrays: Iterable[Any], like: Any) -> Any:
    """A tree like another, of what `as_numpy` made of its leaves.

    They are put on the device as they are: `asarray` would compile a program for each shape.
    """
    leaves, tree = jax.tree.flatten(like)
    found = [
        as_key(array, kind_of(leaf)) if is_key(leaf) else jax.device_put(array)
        for array, leaf in zip(arrays, leaves, strict=True)
    ]
    return jax.tree.unflatten(tree, found)


def reseeded(state: Any, key: Array) -> Any:
    """The networks' state with keys of its own for one gradient of many from the same state.

    From step to step a network counts on by itself; gradients that all begin at one state would
    all have the same noise.
    """
    bits = random.bits(random.fold_in(key, _STEP))
    return jax.tree.map(lambda leaf: random.fold_in(leaf, bits) if is_key(leaf) else leaf, state)
