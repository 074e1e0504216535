"""An objective as a loss of `numpyro.infer.SVI`."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, random
from jax.core import Tracer
from numpyro import param
from numpyro.handlers import block
from numpyro.primitives import mutable

from inference.engines.numpyro.inspection import inspect
from inference.engines.numpyro.program import NumPyroProgram
from inference.errors import ObjectiveError
from inference.program.batches import leading
from inference.program.program import OWNED_STATE
from inference.program.surrogate import scalar_of

_asked: ContextVar[bool] = ContextVar("asked", default=False)
_asked_of: dict[int, tuple[Any, Any]] = {}  # by an objective's identity, the last pair


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
    _ask_of_values(objective, model, guide, args, kwargs)
    program = program_of(objective, rng_key, params, model, guide, args, kwargs)
    value = -scalar_of(objective, program)
    return {"loss": value, "mutable_state": program.mutable_state}


@contextlib.contextmanager
def asked() -> Iterator[None]:
    """Where nothing is to be asked of values: `fit` has done so, or noise is measured."""
    token = _asked.set(True)
    try:
        yield
    finally:
        _asked.reset(token)


def _ask_of_values(
    objective: Any,
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> None:
    """Ask what only values tell, once, where arrays are at hand, at the pair's first parameters."""
    guide = getattr(guide, "unattached", guide)
    if _asked.get() or _asked_of.get(id(objective)) == (model, guide):
        return
    arrays = all(isinstance(arg, np.ndarray | Array) for arg in args)
    if kwargs or objective.keeps or not arrays or any(isinstance(arg, Tracer) for arg in args):
        return

    def ask() -> None:
        with block(), asked():
            found = inspect(model, guide, tuple(map(jnp.asarray, args)), {})
            objective.ask_of_values("numpyro", (model, guide), tuple(map(np.asarray, args)), found)

    try:
        # In a thread of its own nothing is being traced, so that the pair has values.
        with ThreadPoolExecutor(1) as apart:
            apart.submit(copy_context().run, ask).result()
    except ObjectiveError:
        raise
    except Exception:  # whatever it is, the step meets it next, or does without
        return
    if id(objective) not in _asked_of:
        weakref.finalize(objective, _asked_of.pop, id(objective), None).atexit = False
    _asked_of[id(objective)] = model, guide


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
