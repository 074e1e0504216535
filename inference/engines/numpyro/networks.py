"""Networks that an objective owns, on NumPyro."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array, lax

from inference.errors import ObjectiveError


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
        self._graph, params, rest = nnx.split(module, nnx.Param, ...)
        self.params, self.rest = nnx.to_pure_dict(params), nnx.to_pure_dict(rest)
        for leaf in jax.tree.leaves(self.rest):
            if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
                raise ObjectiveError(
                    f"the {name} holds random state of its own (nnx.Dropout?), which a run could "
                    "not resume; leave it out."
                )
        self._templates = params, rest
        self._values: Any = None
        self._state: Any = None
        self._keep: Callable[[Any], None] | None = None

    def bind(self, values: Any, state: Any, keep: Callable[[Any], None] | None) -> Owned:
        """Use these values, and hand on the state that a call leaves.

        Without `keep` the module is not trained, and runs in evaluation mode: batch normalisation
        must not see the data.
        """
        self._values, self._state, self._keep = values, state, keep
        return self

    def __call__(self, *inputs: Array, frozen: bool = False) -> Array:
        """The module's output; with `frozen` without a gradient to its parameters."""
        return self._run(lambda module: module(*inputs), frozen=frozen)

    def features(self, *inputs: Array, frozen: bool = False) -> Array:
        """What its method `features` returns."""
        return self._run(lambda module: module.features(*inputs), frozen=frozen)

    def _run(self, call: Callable[[Any], Array], *, frozen: bool) -> Array:
        params, rest = (jax.tree.map(lambda leaf: leaf, part) for part in self._templates)
        values = lax.stop_gradient(self._values) if frozen else self._values
        nnx.replace_by_pure_dict(params, values)
        if self.rest:
            nnx.replace_by_pure_dict(rest, self._state)
        module = nnx.merge(self._graph, params, rest, copy=True)
        if self._keep is None:
            module.eval()
        output = call(module)
        if self.rest and self._keep is not None:
            _, _, left = nnx.split(module, nnx.Param, ...)
            self._state = lax.stop_gradient(nnx.to_pure_dict(left))
            self._keep(self._state)
        return output
