"""A batch is whatever the programs take: what can be cut by rows is cut, the rest is passed on."""

from __future__ import annotations

import importlib
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tiny_runs import assert_same_run

from inference import NUTS, check_pair, explain, fit, load_run, log_likelihood, valid_objectives
from inference.data.call import arguments_from
from inference.errors import DataError, RunFolderError

X = np.random.default_rng(0).normal(1.0, 2.0, (12, 2)).astype(np.float32)
Y = np.random.default_rng(1).normal(size=12).astype(np.float32)
VALIDATED = {"dictionary", "string"}
Rows = namedtuple("Rows", ["x", "y"])


def programs(engine: str) -> tuple[Callable[..., None], Callable[..., None]]:
    """A latent for each row, under a likelihood with deviation `noise`."""
    library: Any = importlib.import_module(engine)
    dist: Any = importlib.import_module(f"{engine}.distributions")
    np_: Any = importlib.import_module("torch" if engine == "pyro" else "jax.numpy")

    def model(x, y, noise):
        with library.plate("rows", len(x)):
            z = library.sample("z", dist.Normal(0.0, 1.0))
            mean = np_.stack([z, z + y], -1)
            library.sample("x", dist.Normal(mean, noise).to_event(1), obs=x)

    def guide(x, y, noise):
        slope = library.param("slope", np_.zeros(2))
        with library.plate("rows", len(x)):
            library.sample("z", dist.Normal((x * slope).sum(-1) + 0.1 * y, 0.5))

    return model, guide


def asking(noise: Any) -> Any:
    """Wants a number by its value, as a program does that branches on it."""
    return noise if noise > 1 else 2.0


KINDS: dict[str, tuple[Callable[[Any], Any], Callable[..., Any], bool]] = {
    # how the programs are written, the data for them, and whether these can be cut by rows
    "dictionary": (lambda f: lambda d: f(d["x"], d["y"], d["s"]),
                   lambda x, y: ({"x": x, "y": y, "s": 2.0},), True),
    "by name": (lambda f: lambda *, y, x, s=2.0: f(x, y, s),
                lambda x, y: {"x": x, "y": y}, True),
    "number": (lambda f: f, lambda x, y: (x, y, 2.0), True),
    "number whose value is asked for": (lambda f: lambda x, y, s: f(x, y, asking(s)),
                                        lambda x, y: (x, y, 2.0), True),
    "number of numpy": (lambda f: f, lambda x, y: (x, y, np.float32(2.0)), True),
    "array without rows": (lambda f: f, lambda x, y: (x, y, np.array(2.0)), True),
    "float that is asked for": (lambda f: lambda x, y, s: f(x, y, {float: s}[type(s)]),
                                lambda x, y: (x, y, 2.0), False),
    "whole number": (lambda f: lambda x, y, n: f(x, y, sum([0.5] * n)),
                     lambda x, y: (x, y, 4), True),
    "string": (lambda f: lambda kind, x, y: f(x, y, {"wide": 2.0}[kind]),
               lambda x, y: ("wide", x, y), True),
    "None": (lambda f: lambda x, y, s: f(x, y, 2.0 if s is None else s),
             lambda x, y: (x, y, None), True),
    "named tuple": (lambda f: lambda rows, s: f(rows.x, rows.y, s),
                    lambda x, y: (Rows(x, y), 2.0), True),
    "nested": (lambda f: lambda d, s: f(d["in"][0], d["in"][1]["y"], s),
               lambda x, y: ({"in": [x, {"y": y}]}, 2.0), True),
    "list of arrays": (lambda f: lambda parts, s: f(parts[0], parts[1], s),
                       lambda x, y: ([x, y], 2.0), False),
    "array of another length": (lambda f: lambda x, y, s: f(x, y, s[0]),
                                lambda x, y: (x, y, np.full(3, 2.0)), False),
    "rows of unequal length": (lambda f: lambda x, y, s: f(x, y, s[1][0]),
                               lambda x, y: (x, y, [[1.0], [2.0, 3.0]]), False),
}  # fmt: skip


def pair_of(kind: str, engine: str) -> Any:
    return tuple(map(KINDS[kind][0], programs(engine)))


def plain(engine: str) -> Any:
    model, guide = programs(engine)
    return lambda x, y: model(x, y, 2.0), lambda x, y: guide(x, y, 2.0)


def quick(pair: Any, data: Any, engine: str, **settings: Any) -> Any:
    usual = {"steps": 3, "batch_size": 4, "progress": False, "engine": engine}
    return fit(pair, data, **(usual | settings))


@pytest.fixture(scope="module")
def rights() -> dict[str, tuple[Any, Any]]:
    return {}


@pytest.fixture
def right(engine, rights):
    """The runs on plain arrays: of two batches, and of minibatches."""
    if engine not in rights:
        halves = [(X[:6], Y[:6]), (X[6:], Y[6:])]
        rights[engine] = (
            quick(plain(engine), halves, engine),
            quick(plain(engine), (X, Y), engine, valid=(X, Y)),
        )
    return rights[engine]


def assert_alike(one: Any, other: Any) -> None:
    np.testing.assert_allclose(one.parameters["slope"], other.parameters["slope"], rtol=1e-5)
    np.testing.assert_allclose(one.rows[-1]["loss"], other.rows[-1]["loss"], rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_they_train_as_plain_arrays_do(kind, engine, right):
    """As batches that are passed on whole, and cut by rows where that can be."""
    _, data, cut = KINDS[kind]
    pair = pair_of(kind, engine)
    if not cut:
        assert_alike(quick(pair, [data(X[:6], Y[:6]), data(X[6:], Y[6:])], engine), right[0])
        return
    found = quick(pair, data(X, Y), engine, valid=data(X, Y) if kind in VALIDATED else None)
    assert_alike(found, right[1])
    if kind in VALIDATED:
        assert found.rows[-1]["valid_bound"] == pytest.approx(right[1].rows[-1]["valid_bound"])


@pytest.mark.parametrize("kind", ["dictionary", "by name", "string", "array without rows"])
def test_evaluations_and_checks_take_them(kind, engine):
    pair, data = pair_of(kind, engine), KINDS[kind][1](X, Y)
    right = log_likelihood(plain(engine), (X, Y), 20, engine=engine).per_datum
    found = log_likelihood(pair, data, 20, engine=engine).per_datum
    np.testing.assert_allclose(found, right, rtol=1e-5)
    args, named = ((), data) if isinstance(data, dict) else (data, {})
    assert "IWAE" in valid_objectives(pair, *args, engine=engine, **named).valid
    assert not check_pair(pair, *args, checks=["runs-together"], engine=engine, **named).failed
    assert list(explain(pair, *args, engine=engine, **named).index) == ["z", "x"]


def test_a_number_that_changes_with_the_batch_counts_as_it_is(engine):
    """Such as an annealing factor; a string that changes makes another program."""
    factors = [0.5, 2.0, 3.0]
    found = quick(programs(engine), [(X, Y, s) for s in factors], engine, steps=3, epochs=1)
    apart = [quick(programs(engine), [(X, Y, s)], engine, steps=1, optimizer=None, seed=0)
             for s in factors[:1]]  # fmt: skip
    assert len(found.rows) == 1
    assert apart[0].rows[0]["loss"] > found.rows[0]["loss"]  # the narrowest has the largest loss


def test_numbers_that_change_are_compiled_for_once():
    model, guide = programs("numpyro")

    def runs(steps: int) -> int:
        """How often the model's own code is run."""
        seen: list[None] = []

        def counted(x: Any, y: Any, noise: Any) -> None:
            seen.append(None)
            model(x, y, noise)

        batches = [(X, Y, 1 + step / 10) for step in range(steps)]
        quick((counted, guide), batches, "numpyro", steps=steps)
        return len(seen)

    assert runs(2) == runs(6)


def test_what_was_not_said_is_asked(engine):
    model, guide = programs(engine)
    for data, words in {
        "length": ((X, Y, np.ones(3)), r"equally many rows, got \[3, 12\].*argument 2.*\[\(\.\.\."),
        "listed": (({"x": X, "y": Y}, [X[0]] * 12), r"argument 1 is a list.*cannot be cut"),
        "nothing": ((1.0, None), "data must be a dataset|no array with rows|must have rows"),
    }.values():
        with pytest.raises(DataError, match=words):
            quick((model, guide), data, engine)


def test_another_number_is_another_run(engine, tmp_path):
    out = tmp_path / "run"
    pair, data = programs(engine), (X, Y, 2.0)
    whole = quick(pair, data, engine, steps=4)
    quick(pair, data, engine, steps=2, out=out)
    with pytest.raises(RunFolderError, match=r"data\.id was"):
        quick(pair, (X, Y, 3.0), engine, steps=4, out=out, resume=True)
    assert_same_run(whole, quick(pair, data, engine, steps=4, out=out, resume=True))
    read = load_run(out, pair=pair, batch=data)
    np.testing.assert_array_equal(read.parameters["slope"], whole.parameters["slope"])


def test_nuts_takes_them():
    """Which runs the model, and would else run it with the default of what it was not given."""

    def draws(model: Any, data: Any) -> Any:
        sampler = NUTS(num_warmup=5, num_samples=4, num_chains=2)
        return sampler.sample(model, data, engine="numpyro").draws["z"]

    model, _ = programs("numpyro")

    def named(x: Any, y: Any, noise: float = 9.0) -> None:
        model(x, y, noise)

    right = draws(lambda x, y: model(x, y, 2.0), (X, Y))
    np.testing.assert_allclose(draws(named, {"x": X, "y": Y, "noise": 2.0}), right, rtol=1e-4)


def test_what_is_passed_on_is_the_object_itself():
    given = {"sizes": [3, 4], "name": "wide", "x": X}
    batch = arguments_from((given, None), {"seen": [X, X]}, np.float32)
    (first, second), named = batch.form.fill(batch.arrays)
    assert first["sizes"] is given["sizes"]
    assert second is None
    assert first["x"] is batch.arrays[0]
    assert list(map(id, named["seen"])) == list(map(id, batch.arrays[1:]))


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
@pytest.mark.parametrize("objective", ["wakesleep", "nvil"])
def test_data_by_name_are_dreamt_of_as_data_by_position(objective, engine):
    """Wake-sleep hands the guide drawn data in their place, which here is a name."""
    by_name, by_place = pair_of("by name", engine), plain(engine)
    assert "WakeSleep" in valid_objectives(by_name, x=X, y=Y, engine=engine).valid
    named = quick(by_name, {"x": X, "y": Y}, engine, objective=objective)
    placed = quick(by_place, (X, Y), engine, objective=objective)
    assert list(named.history.loss) == list(placed.history.loss)
