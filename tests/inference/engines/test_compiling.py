"""Programs that trace alike on NumPyro are compiled once, and only those."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from jax import random

from inference import check_pair, fit
from inference.engines.numpyro import compilation
from inference.engines.numpyro.compilation import Compiled, traced

X = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
FACTOR = {"value": 1.0}


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "_known", type(compilation._known)())


def times(factor: Any) -> Callable[[Any], Any]:
    return lambda x: jnp.tanh(x) * factor


def calling(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: jax.pure_callback(function, jax.ShapeDtypeStruct(x.shape, x.dtype), x)


def drawing(seed: int) -> Callable[[Any], Any]:
    return lambda x: x + random.normal(random.key(seed), x.shape)


def mapping(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: jax.lax.map(function, x)


def wrapped(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: function(x)


def own_gradient() -> Callable[[Any], Any]:
    squared = jax.custom_vjp(lambda x: x**2)
    squared.defvjp(lambda x: (x**2, x), lambda x, slope: (2 * x * slope,))
    return squared


UNLIKE: dict[str, list[tuple[Callable[[Any], Any], Any]]] = {
    "a number": [(times(2.0), X), (times(3.0), X)],
    "the sign of zero": [(lambda x: jnp.maximum(x, 0.0), X), (lambda x: jnp.maximum(x, -0.0), X)],
    "an array": [(times(np.arange(3.0)), X), (times(np.arange(3.0) + 1), X)],
    "an array of jax": [(times(jnp.ones(3)), X), (times(jnp.zeros(3)), X)],
    "a seed": [(drawing(0), X), (drawing(1), X)],
    "an operation": [(jnp.sin, X), (jnp.cos, X)],
    "an operation within": [(mapping(jnp.sin), X), (mapping(jnp.cos), X)],
    "the order of arguments": [(lambda a: a[0] - a[1], (X, X)), (lambda a: a[1] - a[0], (X, X))],
    "the shape": [(times(2.0), X), (times(2.0), X[:4])],
    "the type": [(times(2.0), X), (times(2.0), X.astype(np.int32))],
    "what comes back": [(lambda x: (x, x + 1), X), (lambda x: [x, x + 1], X)],
    "which comes back": [(lambda x: (x, x + 1), X), (lambda x: (x + 1, x), X)],
    "a function of python": [(calling(lambda a: a + 1), X), (calling(lambda a: a + 2), X)],
}


@pytest.mark.parametrize("what", UNLIKE)
def test_programs_that_differ_are_compiled_for_themselves(what: str) -> None:
    """Truth: each function run operation by operation, without compilation."""
    for function, given in UNLIKE[what]:
        with jax.disable_jit():
            expected = function(jax.tree.map(jnp.asarray, given))
        found = Compiled(function)(given)
        assert jax.tree.structure(found) == jax.tree.structure(expected)
        for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6)
            np.testing.assert_array_equal(np.signbit(one), np.signbit(other))
    assert len({id(each) for each in compilation._known.values()}) == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: times(2.0),
        lambda: times(jnp.ones(3)),
        lambda: jax.nn.relu,
        lambda: own_gradient(),
        lambda: drawing(0),
    ],
    ids=["number", "array", "rule of the derivative", "rule of the gradient", "draw"],
)
def test_programs_that_are_alike_are_compiled_once(make: Callable[[], Any]) -> None:
    first, second = (traced(wrapped(make()), (X,)) for _ in range(2))
    assert first is second
    assert traced(make(), (X,), options={"xla_backend_optimization_level": 1}) is not first


def test_large_arrays_are_not_compared() -> None:
    large = jnp.zeros((600, 600))
    first, second = (traced(lambda x: x[0, 0] + large, (X,)) for _ in range(2))
    assert first is not second
    assert not compilation._known


def test_only_the_last_programs_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "_MOST", 2)
    kept = [traced(times(factor), (X,)) for factor in (1.0, 2.0)]
    assert traced(times(1.0), (X,)) is kept[0]
    traced(times(3.0), (X,))
    assert traced(times(1.0), (X,)) is kept[0]
    assert traced(times(2.0), (X,)) is not kept[1]


def model(x: Any) -> None:
    weight: Any = numpyro.param("weight", jnp.ones(3))
    with numpyro.plate("data", len(x)):
        z: Any = numpyro.sample("z", dist.Normal(0.0, FACTOR["value"]))
        numpyro.sample("x", dist.Normal(z[:, None] * weight, 1.0).to_event(1), obs=x)


def guide(x: Any) -> None:
    slope: Any = numpyro.param("slope", jnp.zeros(3))
    with numpyro.plate("data", len(x)):
        numpyro.sample("z", dist.Normal(x @ slope, 1.0))


def trained(**settings: Any) -> bytes:
    usual = {"steps": 7, "batch_size": 4, "progress": False, "learning_rate": 0.1}
    run = fit((model, guide), X, **(usual | settings))
    return b"".join(value.tobytes() for value in run.parameters.values())


def test_other_seeds_and_data_compile_nothing_and_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = trained(seed=0)
    count = len(compilation._known)
    other = trained(seed=1)
    assert len(compilation._known) == count
    assert other != one
    assert trained(seed=0) == one
    compilation._known.clear()
    assert trained(seed=1) == other


def test_what_the_program_reads_elsewhere_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same functions, whose prior is another one by now."""
    one = trained()
    monkeypatch.setitem(FACTOR, "value", 3.0)
    other = trained()
    assert other != one
    compilation._known.clear()
    assert trained() == other


def test_a_pair_that_was_checked_is_checked_again_without_compilation() -> None:
    first = str(check_pair((model, guide), X[:7]))
    known = set(compilation._known)
    assert known
    assert str(check_pair((model, guide), X[:7])) == first
    assert set(compilation._known) == known
