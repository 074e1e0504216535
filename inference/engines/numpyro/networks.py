"""Networks that an objective owns, on NumPyro."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array, lax, random
from jax.flatten_util import ravel_pytree

from inference.errors import ObjectiveError
from inference.program.network import run_network


class Owned:
    """A flax NNX module that runs with given values in place of its own.

    Attributes:
        params: the module's parameters as it came, as nested dictionaries.
        rest: its other state, such as the averages of batch normalisation.
    """

    def __init__(self, name: str, module: Any) -> None:
        if not isinstance(module, nnx.Module):
            raise ObjectiveError(
                f"the {name} beside a NumPyro pair must be a flax.nnx.Module, got "
                f"{type(module).__name__}."
            )
        self.name = name
        self._graph, params, self._streams, rest = nnx.split(module, nnx.Param, nnx.RngState, ...)
        self.params, self.rest = nnx.to_pure_dict(params), nnx.to_pure_dict(rest)
        self._templates = params, rest
        self._values: Any = None
        self._state: Any = None
        self._keep: Callable[[Any], None] | None = None
        self._next_key: Callable[[], Array] | None = None
        self._dropout = True
        self._given = False  # whether the values are another's, with a gradient even if frozen

    def bind(
        self,
        values: Any,
        state: Any,
        keep: Callable[[Any], None] | None,
        next_key: Callable[[], Array] | None = None,
    ) -> Owned:
        """Use these values, and hand on the state that a call leaves.

        Without `keep` the module is not trained, and runs in evaluation mode: batch normalisation
        must not see the data. `next_key` gives each call the key of its random numbers, such as
        those of nnx.Dropout: they are none of the module's own state, so that a run can resume.
        """
        self._values, self._state, self._keep, self._next_key = values, state, keep, next_key
        return self

    def evaluating(self) -> Owned:
        """The same network without dropout."""
        twin = copy.copy(self)
        twin._dropout = False
        return twin

    def vector(self, *inputs: Array) -> Array:
        """All its parameters in one array, (W,)."""
        del inputs
        return ravel_pytree(self._values)[0]

    def at(self, vector: Array) -> Owned:
        """The same network with other parameters."""
        twin = copy.copy(self)
        twin._values, twin._given = ravel_pytree(self._values)[1](vector), True
        return twin

    def __call__(self, *inputs: Array, frozen: bool = False) -> Array:
        """The module's output; with `frozen` without a gradient to its parameters."""
        return self._run("__call__", inputs, frozen=frozen)

    def features(self, *inputs: Array, frozen: bool = False) -> Array:
        """What its method `features` returns."""
        return self._run("features", inputs, frozen=frozen)

    def _run(self, method: str, inputs: tuple[Array, ...], *, frozen: bool) -> Array:
        params, rest = (jax.tree.map(lambda leaf: leaf, part) for part in self._templates)
        held = frozen and not self._given
        values = lax.stop_gradient(self._values) if held else self._values
        nnx.replace_by_pure_dict(params, values)
        if self.rest:
            nnx.replace_by_pure_dict(rest, self._state)
        module = nnx.merge(self._graph, params, self._keys(), rest, copy=True)
        if self._keep is None:
            module.eval()
        if not self._dropout:
            module.set_attributes(deterministic=True, raise_if_not_found=False)
        output = run_network(
            self.name, module, method, lambda: getattr(module, method)(*inputs), inputs, _is_real
        )
        if self.rest and self._keep is not None:
            left: Any = nnx.split(module, nnx.Param, nnx.RngState, ...)[3]
            self._state = lax.stop_gradient(nnx.to_pure_dict(left))
            self._keep(self._state)
        return output

    def _keys(self) -> Any:
        """The random streams of the module for one call, each with a key of its own."""
        streams = jax.tree.map(lambda leaf: leaf, self._streams)
        if self._keep is None or self._next_key is None or not jax.tree.leaves(streams):
            return streams
        key, number = self._next_key(), 0
        for _, variable in nnx.to_flat_state(streams):
            if not issubclass(variable.type, nnx.RngKey):
                continue
            old, new = variable.get_value(), random.fold_in(key, number)
            typed = jnp.issubdtype(old.dtype, jax.dtypes.prng_key)
            variable.set_value(random.wrap_key_data(new) if typed else new)
            number += 1
        return streams


def _is_real(value: Any) -> bool:
    return isinstance(value, Array) and jnp.issubdtype(value.dtype, jnp.floating)
