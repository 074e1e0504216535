"""Programs that are compiled once for all runs: what is traced alike is lowered and compiled once.

Tracing cannot be saved, as only it shows what a Python function does now. But a second run with
another seed, one that is resumed, or the next chunk of other data trace to the same operations, and
to lower and compile these again takes several times as long as to see that they are the same.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax import Array
from jax.core import Tracer
from jax.extend import core

from inference.engines.numpyro.keys import is_key

_MOST = 100  # programs that are kept, of 2 MB or more
_BYTES = 2**20  # of arrays in a program; one with more is compiled for itself
# Rules of differentiation; the functions differ whenever they are made, and nothing runs them here.
_RULES = {
    "custom_jvp_call": ("jvp_jaxpr_fun",),
    "custom_vjp_call": ("fwd_jaxpr_thunk", "bwd", "out_trees"),
}

_known: OrderedDict[Any, Any] = OrderedDict()


class _NotSharedError(Exception):
    """A program has something in it that cannot be compared."""


class Compiled:
    """A function of arrays that is traced for arguments of each kind, and compiled if it is new.

    As `jax.jit`, but two functions that trace to the same operations share what is compiled.

    Args:
        function: what is to be compiled.
        static: positions of arguments that are compiled in; they are hashable.
        options: of the compiler.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        static: tuple[int, ...] = (),
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._function, self._static, self._options = function, static, options
        self._own: dict[Any, Any] = {}

    def __call__(self, *args: Any) -> Any:
        """What the function returns."""
        given = [arg for place, arg in enumerate(args) if place not in self._static]
        kind = (*(args[place] for place in self._static), *kind_of(given))
        compiled = self._own.get(kind)
        if compiled is None:
            compiled = self._own[kind] = traced(
                self._function, args, static=self._static, options=self._options
            )
        return compiled(*given)


def traced(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    *,
    static: tuple[int, ...] = (),
    options: Mapping[str, Any] | None = None,
) -> Any:
    """A function compiled for arguments of this kind: anew, unless it is traced as one before was.

    What comes back takes the arguments that are not static. Under `jax.disable_jit()` nothing is
    compiled: it is the function itself, in which values can be looked at.

    Args:
        function: what is to be compiled.
        args: what it is traced with.
        static: positions of arguments that are compiled in.
        options: of the compiler.
    """
    if jax.config.jax_disable_jit:  # pyright: ignore[reportAttributeAccessIssue]
        return _with(function, {place: args[place] for place in static})
    given = [arg for place, arg in enumerate(args) if place not in static]
    jitted = jax.jit(function, static_argnums=static, compiler_options=dict(options or {}) or None)
    return shared(jitted.trace(*args), options, kind_of(given))


def _with(function: Callable[..., Any], fixed: Mapping[int, Any]) -> Callable[..., Any]:
    """A function of the other arguments, with some fixed by position."""

    def others(*given: Any) -> Any:
        args = list(given)
        for place in sorted(fixed):
            args.insert(place, fixed[place])
        return function(*args)

    return others


def shared(staged: Any, options: Mapping[str, Any] | None, kind: Any) -> Any:
    """A traced function compiled, or the same that was compiled before.

    Args:
        staged: what `jax.jit(...).trace(...)` gave.
        options: of the compiler.
        kind: whatever else it is compiled for.
    """
    try:
        key = (
            kind,
            tuple(sorted((options or {}).items())),
            tuple(map(str, jax.config.values.items())),
            getattr(jax.config, "jax_default_device", None),  # of this thread
            jax.tree.structure(staged.out_info),
            _closed(staged.jaxpr),
        )
        hash(key)
    except (_NotSharedError, TypeError):  # or something has no hash
        return staged.lower().compile()
    if key in _known:
        _known.move_to_end(key)
        return _known[key]
    compiled = _known[key] = staged.lower().compile()
    while len(_known) > _MOST:
        _known.popitem(last=False)
    return compiled


def kind_of(given: Any) -> tuple[Any, ...]:
    """What a program is traced for: the structure, types and places of arguments."""
    leaves, structure = jax.tree.flatten(given)
    return structure, tuple(
        (jax.typeof(leaf), leaf.sharding if isinstance(leaf, Array) and leaf.committed else None)
        for leaf in leaves
    )


def _closed(closed: core.ClosedJaxpr) -> Any:
    if sum(getattr(constant, "nbytes", 0) for constant in closed.consts) > _BYTES:
        raise _NotSharedError
    return tuple(map(_array, closed.consts)), _operations(closed.jaxpr, {})


def _operations(jaxpr: Any, seen: dict[int, Any]) -> Any:
    """The operations of a jaxpr, variables by number, as something that is equal for equal ones."""
    if id(jaxpr) in seen:  # a function that is called again
        return seen[id(jaxpr)]
    number: dict[Any, int] = {}
    for variable in (*jaxpr.constvars, *jaxpr.invars):
        number[variable] = len(number)

    def read(atom: Any) -> Any:
        if isinstance(atom, core.Literal):
            return atom.aval, np.asarray(atom.val).tobytes()
        return number[atom]

    inputs = tuple(variable.aval for variable in number)
    lines = []
    for equation in jaxpr.eqns:
        taken = tuple(map(read, equation.invars))
        for variable in equation.outvars:
            number[variable] = len(number)
        rules = _RULES.get(equation.primitive.name, ())
        settings = tuple(
            (name, _setting(value, seen))
            for name, value in equation.params.items()
            if name not in rules
        )
        made = tuple(variable.aval for variable in equation.outvars)
        lines.append((equation.primitive, taken, made, settings, equation.ctx))
    found = inputs, tuple(lines), tuple(map(read, jaxpr.outvars))
    seen[id(jaxpr)] = found
    return found


def _setting(value: Any, seen: dict[int, Any]) -> Any:
    if isinstance(value, core.ClosedJaxpr):
        return tuple(map(_array, value.consts)), _operations(value.jaxpr, seen)
    if isinstance(value, core.Jaxpr):
        return _operations(value, seen)
    if isinstance(value, (tuple, list)):
        return type(value), tuple(_setting(each, seen) for each in value)
    if isinstance(value, dict):
        return tuple((name, _setting(each, seen)) for name, each in value.items())
    if isinstance(value, (np.ndarray, Array)):
        return _array(value)
    return type(value), value  # 1, 1.0 and True are equal


def _array(value: Any) -> Any:
    if isinstance(value, Tracer) or not hasattr(value, "dtype"):
        raise _NotSharedError
    if is_key(value):
        return str(value.dtype), _array(jax.random.key_data(value))
    return str(value.dtype), np.shape(value), np.asarray(value).tobytes()
