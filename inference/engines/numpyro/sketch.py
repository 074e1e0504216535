"""What a look at a pair finds with as few numbers worked out as it needs: the pair is only traced.

An operation that is run by itself is compiled by itself, which takes 10 ms for each new shape. The
shapes, laws and plates of most pairs need none, and their first parameters only a few.

This is for the zoo's own pairs. A program of one's own may keep what it works out once, such as a
mask of ones, in an attribute or under `functools.lru_cache`; what it worked out while it was traced
would be of no use to any other run, so that its first run is one that works out numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, random
from jax.core import Tracer
from jax.extend import core
from numpyro.distributions import Delta

from inference.engines.numpyro.factors import is_factor
from inference.engines.numpyro.pairs import StoredPair
from inference.engines.numpyro.traces import Trace, samples, scale_of, traces
from inference.program.batches import Leading, OnArrays
from inference.program.distributions import flatness, support_of, unwrapped
from inference.program.posterior_scores import propose_nothing

T = TypeVar("T")


class _ValuesNeededError(Exception):
    """Something is to be told of the pair that depends on the values of its draws."""


def sketched(
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    found: Callable[[Trace, Trace, tuple[Any, ...]], T],
) -> T | None:
    """What `found` says of the guide's and the model's traces, if it is the same for all values.

    Args:
        model: the model.
        guide: the guide.
        args: what both take.
        found: takes the two traces and the arguments as they were traced.

    Returns:
        None where it has to be run: where values decide, or the pair may keep something.
    """
    if not (all(map(_complete, args)) and keeps_nothing(model) and keeps_nothing(guide)):
        return None
    kept: list[T] = []

    def look(key: Array, given: tuple[Any, ...]) -> None:
        both = traces(key, {}, model, guide, given, {})
        for trace in both:
            for _, site in samples(trace):
                _check(site)
        kept.append(found(*both, given))

    try:
        jax.eval_shape(look, random.PRNGKey(0), args)
    except Exception:  # of tracing, or the program's own, which running it says in its words
        return None
    return kept[0]


def only(
    function: Callable[..., T], pair: tuple[Callable[..., Any], Callable[..., Any]], *args: Any
) -> T | None:
    """What a function returns, with nothing else of it worked out: the same to the last bit.

    Args:
        function: runs the model or the guide, and returns arrays.
        pair: the model and the guide.
        args: what the function takes.

    Returns:
        None where it has to be run as it is: see `sketched`.
    """
    leaves = jax.tree.leaves(args)
    if not (all(isinstance(leaf, Array) for leaf in leaves) and all(map(keeps_nothing, pair))):
        return None
    try:
        traced, made = jax.make_jaxpr(function, return_shape=True)(*args)
        closed = traced.replace(jaxpr=_needed(traced.jaxpr))
        return jax.tree.unflatten(jax.tree.structure(made), core.jaxpr_as_fun(closed)(*leaves))
    except Exception:
        return None


def _needed(jaxpr: core.Jaxpr) -> core.Jaxpr:
    """A jaxpr without the operations that its outputs do not depend on."""
    wanted = set(filter(_is_variable, jaxpr.outvars))
    kept: list[Any] = []
    for equation in reversed(jaxpr.eqns):
        if equation.effects or not wanted.isdisjoint(equation.outvars):
            kept.append(equation)
            wanted |= set(filter(_is_variable, equation.invars))
    return jaxpr.replace(eqns=kept[::-1])


def _is_variable(atom: Any) -> bool:
    return not isinstance(atom, core.Literal)


def keeps_nothing(part: Callable[..., Any]) -> bool:
    """Whether a model or a guide is of a pair of the zoo, without a network of the user's."""
    part = getattr(part, "unattached", part)
    while isinstance(part, (OnArrays, Leading)):
        part = part.function
    owner = getattr(part, "__self__", None)
    while isinstance(owner, StoredPair):
        owner = owner.wrapped
    settings = getattr(owner, "hyperparameters", {}).values()
    zoo = type(owner).__module__.startswith("ppl_models.")
    return part is propose_nothing or (zoo and not any(map(callable, settings)))


def _complete(arg: Any) -> bool:
    """Whether an argument is an array without missing values."""
    if not isinstance(arg, Array) or isinstance(arg, Tracer):
        return False
    return not (jnp.issubdtype(arg.dtype, jnp.floating) and bool(np.isnan(arg).any()))


def _check(site: Any) -> None:
    """Refuse a site of which values or sources are told: points, factors, steps of a scan, ..."""
    fn = site["fn"]
    if (
        any(isinstance(part, Delta) for part in unwrapped(fn))
        or is_factor(fn)
        or flatness(fn)
        or site.get("_control_flow_done")
        or isinstance(scale_of(site), Tracer)
        or is_traced(support_of(fn))
    ):
        raise _ValuesNeededError


def is_traced(part: Any) -> bool:
    """Whether a constraint, or transforms by name, hold a number that is not known."""
    waiting, seen = [part], set[int]()
    for each in waiting:  # it grows
        if isinstance(each, Tracer):
            return True
        if id(each) not in seen:
            seen.add(id(each))
            held = each if isinstance(each, dict) else getattr(each, "__dict__", {})
            waiting += each if isinstance(each, (list, tuple)) else held.values()
    return False
