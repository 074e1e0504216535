"""Elementwise functions of jax under the names that objectives use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp


class Ops:
    """Functions of arrays; the Pyro engine has the same names."""

    exp, log, log1p, sqrt, tanh, where = jnp.exp, jnp.log, jnp.log1p, jnp.sqrt, jnp.tanh, jnp.where
    sigmoid, softplus, softmax = jax.nn.sigmoid, jax.nn.softplus, jax.nn.softmax
    array = staticmethod(jnp.asarray)

    @staticmethod
    def drawn(values: Any, *, whole: bool) -> jax.Array:
        """Values as distributions draw them here: of a Bernoulli they are integers."""
        return jnp.asarray(values, jnp.result_type(int) if whole else None)

    @staticmethod
    def is_real(values: jax.Array) -> bool:
        """Whether an array holds real numbers."""
        return bool(jnp.issubdtype(values.dtype, jnp.floating))

    @staticmethod
    def real(values: jax.Array) -> jax.Array:
        """The array in real numbers."""
        return values if Ops.is_real(values) else values.astype(jnp.result_type(float))

    @staticmethod
    def concatenate(parts: Sequence[jax.Array]) -> jax.Array:
        """Arrays along their last axis."""
        return jnp.concatenate(parts, axis=-1)

    @staticmethod
    def floor(values: jax.Array) -> jax.Array:
        """The next lower whole numbers, as integers."""
        return jnp.floor(values).astype(jnp.int32)

    @staticmethod
    def arange(count: int, like: jax.Array) -> jax.Array:
        """0, 1, ..., count - 1, where another array is."""
        del like
        return jnp.arange(count)

    @staticmethod
    def repeat(values: jax.Array, count: int) -> jax.Array:
        """Each row so many times."""
        return jnp.repeat(values, count, axis=0)
