"""What tests compute by NumPy in jax's place has the bits, types and places of jax's own."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exact_operations import ROUNDING, SAME, compute_by_numpy, evaluate, takes
from jax import lax

RANDOM = np.random.default_rng(0)
X = np.array([[-1.5, 0.0, 2.0], [np.inf, np.nan, 1e-3]], np.float32)
Y = RANDOM.normal(size=(2, 3)).astype(np.float32)
N = np.array([[3, -2, 7], [0, 2**31 - 1, 5]], np.int32)
B = np.array([[True, False, True], [False, False, True]])

CASES: list[tuple[str, Any, tuple[Any, ...]]] = [
    *((name, getattr(lax, name), (X, Y)) for name in ["add", "sub", "mul", "div", "max", "min"]),
    *((name, getattr(lax, name), (N, N[::-1])) for name in ["add", "sub", "mul", "max", "min"]),
    *((name, getattr(lax, name), (X, Y)) for name in ["eq", "ne", "lt", "le", "gt", "ge"]),
    *((f"{name}_of_whole", getattr(lax, name), (N, N.T.reshape(2, 3))) for name in ("eq", "lt")),
    ("and", lax.bitwise_and, (B, ~B[::-1])),
    ("or", lax.bitwise_or, (N, N[::-1])),
    ("not", lax.bitwise_not, (B,)),
    *((name, getattr(lax, name), (X,)) for name in ["neg", "abs", "square", "is_finite"]),
    ("sqrt", lax.sqrt, (np.abs(Y),)),
    ("neg_of_whole", lax.neg, (N,)),
    ("copy", jnp.copy, (X,)),
    ("select_n", lax.select, (B, X, Y)),
    ("where", jnp.where, (B, X, Y)),
    ("where_of_numbers", lambda b, x: jnp.where(b, x, 0.0), (B, X)),
    ("clip", lambda x: jnp.clip(x, -1.0, 1.0), (X,)),
    *(
        (f"to_{kind}", lambda x, kind=kind: x.astype(kind), (x,))
        for kind, x in (("bool", X), ("float32", N), ("uint32", N), ("int32", B), ("float32", B))
    ),
    ("broadcast_in_dim", lambda x: jnp.broadcast_to(x[:, None], (2, 4, 3)), (X,)),
    ("reshape", lambda x: x.reshape(3, 2), (X,)),
    ("squeeze", lambda x: lax.squeeze(x, (0,)), (X[None],)),
    ("transpose", lambda x: x.T, (X,)),
    ("slice", lambda x: lax.slice(x, (0, 1), (2, 3), (1, 2)), (X,)),
    ("concatenate", lambda x, y: jnp.concatenate([x, y], 1), (X, Y)),
    ("iota", lambda: jnp.arange(5), ()),
    ("iota_of_rows", lambda: lax.broadcasted_iota(jnp.int32, (2, 3), 1), ()),
    *((name, getattr(jnp, name), (B,)) for name in ("all", "any")),
    *(
        (name, lambda x, of=name: getattr(jnp, of)(x, 1), (x,))
        for name in ("max", "min")
        for x in (X, N)
    ),
]


@pytest.mark.parametrize(("name", "of", "args"), CASES, ids=[name for name, *_ in CASES])
def test_results_have_the_bits_of_what_is_compiled(name: str, of: Any, args: Any) -> None:
    program = jax.make_jaxpr(of)(*args).jaxpr
    assert takes(program)
    found = evaluate(program, args)
    assert found is not None
    truth = np.asarray(jax.jit(of).lower(*args).compile()(*args))
    assert found[0].dtype == truth.dtype
    np.testing.assert_array_equal(found[0], truth, strict=True)
    numbers = ~np.isnan(truth)  # the sign of a zero counts, that of a NaN does not
    np.testing.assert_array_equal(
        np.signbit(1.0 * found[0])[numbers], np.signbit(1.0 * truth)[numbers]
    )


def operations(jaxpr: Any) -> set[str]:
    found = {eqn.primitive.name for eqn in jaxpr.eqns}
    return found.union(
        *(operations(e.params["jaxpr"].jaxpr) for e in jaxpr.eqns if "jaxpr" in e.params)
    )


def test_every_operation_is_tried() -> None:
    tried = set().union(*(operations(jax.make_jaxpr(of)(*args).jaxpr) for _, of, args in CASES))
    assert (ROUNDING.keys() | SAME.keys()) - tried <= {"add_any", "copy_p"}  # as add and copy


@pytest.mark.parametrize(
    "of",
    [
        jnp.exp,
        jnp.sum,
        lambda x: x * x + x,  # may round once or twice
        lambda x: x.astype(jnp.int32),
        lambda x: jnp.zeros((100, 100)) + x[0, 0],
        lambda x: x.astype(jnp.float16),
        lambda x: x[:0],
        lambda x: jnp.argsort(x),
    ],
)
def test_what_leaves_a_freedom_is_compiled(of: Any) -> None:
    program = jax.make_jaxpr(of)(X).jaxpr
    assert not takes(program) or evaluate(program, (X,)) is None


def test_arrays_are_as_those_of_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    """In type, weakness, place; and errors are its own."""
    running: Any = importlib.import_module("jax._src.pjit")
    own = inspect.unwrap(running._pjit_call_impl_python)
    left: list[str] = []

    def noted(*args: Any, name: str, **params: Any) -> Any:
        left.append(name)
        return own(*args, name=name, **params)

    def compute() -> list[jax.Array]:
        jax.clear_caches()
        x = jnp.ones((2, 3))
        return [x * 2, jnp.zeros(3) + 2, jnp.arange(3) > 1, 2.0 * jnp.float32(3), x.T, x == x]

    monkeypatch.setattr(running, "_pjit_call_impl_python", noted)
    theirs = compute()
    assert left
    compute_by_numpy()
    left.clear()
    ours = compute()
    assert left == []
    for one, other in zip(ours, theirs, strict=True):
        assert (one.dtype, one.weak_type, one.sharding, one.committed) == (
            other.dtype,
            other.weak_type,
            other.sharding,
            other.committed,
        )
        np.testing.assert_array_equal(one, other, strict=True)
    with pytest.raises(TypeError, match="incompatible shapes"):
        jnp.add(jnp.ones(3), jnp.ones(4))
