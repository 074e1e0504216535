"""Exact operations on few numbers are NumPy's in tests, as it has nothing to compile.

jax compiles a program for each operation on each shape, which takes some 15 ms however small it is,
and half of the programs of the tests are one operation on a shape that comes once or twice. Those
whose result leaves no freedom in rounding are NumPy's here: a sum, product or quotient of two
numbers, a comparison, a choice, a change of shape or type. All else, and what is called more often,
is compiled as ever.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

MOST = 4096  # entries of an array
OFTEN = 30  # calls of a program, from which on it is worth compiling
KINDS = {np.dtype(name) for name in ("bool", "int32", "int64", "uint32", "float32", "float64")}
Operation = Callable[..., np.ndarray | None]


def _plain(of: Callable[..., Any]) -> Operation:
    return lambda *xs, **_: of(*xs)


def _of(kind: str, of: Callable[..., Any]) -> Operation:
    """For arrays of one kind alone; for others the compiler has rules of its own."""
    return lambda *xs, **_: of(*xs) if xs[0].dtype.kind == kind else None


def _along(kind: str, of: Callable[..., Any]) -> Operation:
    return lambda x, *, axes, **_: (
        of(x, axis=tuple(axes)) if x.size and x.dtype.kind in kind else None
    )


def _broadcast(x: np.ndarray, *, shape: Any, broadcast_dimensions: Any, **_: Any) -> np.ndarray:
    wide = [1] * len(shape)
    for size, axis in zip(x.shape, broadcast_dimensions, strict=True):
        wide[axis] = size
    return np.broadcast_to(x.reshape(wide), shape)


def _convert(x: np.ndarray, *, new_dtype: Any, **_: Any) -> np.ndarray | None:
    whole = x.dtype.kind == "f" and np.dtype(new_dtype).kind in "iu"  # may be out of range
    return None if whole else x.astype(new_dtype)


def _select(which: np.ndarray, *cases: np.ndarray) -> np.ndarray | None:
    return np.where(which, cases[1], cases[0]) if which.dtype == bool else None


def _slice(x: np.ndarray, *, start_indices: Any, limit_indices: Any, strides: Any) -> np.ndarray:
    steps = strides or (1,) * x.ndim
    return x[tuple(map(slice, start_indices, limit_indices, steps))]


def _iota(*, dtype: Any, shape: Any, dimension: int, **_: Any) -> np.ndarray:
    wide = [-1 if axis == dimension else 1 for axis in range(len(shape))]
    return np.broadcast_to(np.arange(shape[dimension], dtype=dtype).reshape(wide), shape)


# Two of them in a program may become one instruction that rounds once.
ROUNDING: dict[str, Operation] = {
    "add": _plain(np.add),
    "add_any": _plain(np.add),
    "sub": _plain(np.subtract),
    "mul": _plain(np.multiply),
    "square": _plain(np.square),
    "div": _of("f", np.divide),
    "sqrt": _of("f", np.sqrt),
}
SAME: dict[str, Operation] = {
    "neg": _plain(np.negative),
    "abs": _of("f", np.abs),
    "max": _plain(np.maximum),
    "min": _plain(np.minimum),
    "eq": _plain(np.equal),
    "ne": _plain(np.not_equal),
    "lt": _plain(np.less),
    "le": _plain(np.less_equal),
    "gt": _plain(np.greater),
    "ge": _plain(np.greater_equal),
    "and": _plain(np.bitwise_and),
    "or": _plain(np.bitwise_or),
    "not": _plain(np.invert),
    "is_finite": _plain(np.isfinite),
    "copy": _plain(np.asarray),
    "copy_p": _plain(np.asarray),
    "select_n": _plain(_select),
    "convert_element_type": _convert,
    "broadcast_in_dim": _broadcast,
    "reshape": lambda x, *, new_sizes, **_: x.reshape(new_sizes),
    "squeeze": lambda x, *, dimensions: np.squeeze(x, tuple(dimensions)),
    "transpose": lambda x, *, permutation: np.transpose(x, permutation),
    "slice": _slice,
    "concatenate": lambda *xs, dimension: np.concatenate(xs, dimension),
    "iota": _iota,
    "reduce_and": _along("b", np.all),
    "reduce_or": _along("b", np.any),
    "reduce_max": _along("iuf", np.max),
    "reduce_min": _along("iuf", np.min),
}


def _small(variables: Sequence[Any]) -> bool:
    return all(
        getattr(v.aval, "dtype", None) in KINDS and 0 < v.aval.size <= MOST for v in variables
    )


def _roundings(jaxpr: Any) -> float:
    """How many operations of a program round; infinity where it has one that is not here."""
    found = 0.0
    for eqn in jaxpr.eqns:
        name = eqn.primitive.name
        if name == "jit" and not eqn.params["jaxpr"].consts:
            found += _roundings(eqn.params["jaxpr"].jaxpr)
        elif not (name in ROUNDING or name in SAME) or not _small(eqn.outvars):
            return np.inf
        found += name in ROUNDING
    return found


def takes(jaxpr: Any) -> bool:
    """Whether a program has nothing but exact operations on few numbers, and one that rounds."""
    return _small((*jaxpr.invars, *jaxpr.outvars)) and _roundings(jaxpr) <= 1


def evaluate(jaxpr: Any, args: Sequence[np.ndarray]) -> list[np.ndarray] | None:
    """Results of a program that is taken; None where its arrays are of another kind."""
    values: dict[Any, np.ndarray] = dict(zip(jaxpr.invars, args, strict=True))

    def read(atom: Any) -> np.ndarray:
        return np.asarray(atom.val, atom.aval.dtype) if hasattr(atom, "val") else values[atom]

    for eqn in jaxpr.eqns:
        given = [read(atom) for atom in eqn.invars]
        name = eqn.primitive.name
        if name == "jit":
            found = evaluate(eqn.params["jaxpr"].jaxpr, given)
        else:
            with np.errstate(all="ignore"):
                found = [(SAME.get(name) or ROUNDING[name])(*given, **eqn.params)]
        if found is None:
            return None
        for variable, value in zip(eqn.outvars, found, strict=True):
            if value is None or (value.dtype, value.shape) != (
                variable.aval.dtype,
                variable.aval.shape,
            ):
                return None
            values[variable] = value
    return [read(atom) for atom in jaxpr.outvars]


@functools.cache
def _place() -> tuple[Any, Any]:
    import jax

    device = jax.devices()[0]
    return device, jax.sharding.SingleDeviceSharding(device)


def _anywhere(value: Any) -> bool:
    """Whether it is a number, or an array that is bound to no device."""
    return getattr(value, "_committed", False) is False


def compute_by_numpy() -> None:
    """Take NumPy for programs that it takes, where this release of jax has a place for it."""
    running = sys.modules.get("jax._src.pjit")
    compiled: Any = getattr(running, "_pjit_call_impl_python", None)
    if compiled is None:
        return
    from jax._src.interpreters.pxla import batched_device_put

    called: WeakKeyDictionary[Any, int] = WeakKeyDictionary()  # how often; OFTEN if not taken

    @functools.wraps(compiled)
    def run(*args: Any, jaxpr: Any, **params: Any) -> Any:
        program = jaxpr.jaxpr
        if program not in called:
            called[program] = OFTEN if jaxpr.consts or not takes(program) else 0
        times = called[program]
        called[program] = times + 1
        results = None
        plain = not params["compiler_options_kvs"]  # else who asks wants it compiled with them
        if plain and times < OFTEN and all(map(_anywhere, args)):
            kinds = [variable.aval.dtype for variable in program.invars]
            results = evaluate(program, list(map(np.asarray, args, kinds)))
        if results is None:
            return compiled(*args, jaxpr=jaxpr, **params)
        device, sharding = _place()
        arrays = [
            batched_device_put(
                variable.aval, sharding, [np.array(value, order="C")], [device], committed=False
            )
            for variable, value in zip(program.outvars, results, strict=True)
        ]
        return arrays, None, None, []

    vars(running)["_pjit_call_impl_python"] = run
