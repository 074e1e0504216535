"""An objective as a loss of `numpyro.infer.SVI`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, random
from numpyro import param
from numpyro.handlers import block
from numpyro.primitives import mutable

from inference.engines.numpyro.program import NumPyroProgram
from inference.program.batches import leading
from inference.program.program import OWNED_STATE
from inference.program.surrogate import scalar_of


def program_of(
    objective: Any,
    rng_key: Array,
    params: Mapping[str, Any],
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> NumPyroProgram:
    """A program on a batch, to be checked against the objective."""
    check, nests = objective.require, objective.nests
    model, guide = (leading(function, objective.keeps) for function in (model, guide))
    return NumPyroProgram(rng_key, params, model, guide, args, kwargs, check, nests=nests)


def loss(
    objective: Any,
    rng_key: Array,
    params: Mapping[str, Any],
    model: Callable[..., Any],
    guide: Callable[..., Any],
    *args: Any,
    **kwargs: Any,
) -> dict[str, Any]:
    """The negative surrogate of an objective, for `numpyro.infer.SVI`."""
    program = program_of(objective, rng_key, params, model, guide, args, kwargs)
    value = -scalar_of(objective, program)
    return {"loss": value, "mutable_state": program.mutable_state}


def bound(
    objective: Any,
    rng_key: Array,
    params: Mapping[str, Any],
    model: Callable[..., Any],
    guide: Callable[..., Any],
    *args: Any,
) -> Array:
    """The bound of an objective on a batch, for evaluation."""
    return objective.bound(program_of(objective, rng_key, params, model, guide, args, {}))


def attach(objective: Any, model: Callable[..., Any], guide: Callable[..., Any]) -> Any:
    """The guide with parameter sites for what the objective owns, which `SVI.init` then finds."""
    guide = leading(guide, objective.keeps)

    def attached(*args: Any, **kwargs: Any) -> Any:
        result = guide(*args, **kwargs)
        owned: dict[str, Any] = {}

        def surrogate(key: Array) -> Array:
            program = program_of(objective, key, {}, model, guide, args, kwargs)
            program.owned = owned
            return objective.surrogate(program)

        with block():
            jax.eval_shape(surrogate, random.PRNGKey(0))  # runs nothing
        for name, initial in owned.items():
            register = mutable if name.startswith(OWNED_STATE) else param
            register(name, jax.tree.map(jnp.asarray, initial))
        return result

    vars(attached)["unattached"] = guide
    return attached
