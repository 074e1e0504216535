"""`program.at(*batch)`: the same pair and parameters on another batch, with gradients to both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pyro
import pytest
import torch
from jax import random
from rows import ENGINES
from scoring import gradients

from inference.engines import load_engine
from inference.engines.numpyro.program import NumPyroProgram
from inference.engines.pyro.inspection import inspect
from inference.engines.pyro.program import PyroProgram
from inference.engines.pyro.svi import program as checked
from inference.objectives import ELBO, IWAE, NVIL
from ppl_models import create

WIDTH, LATENT = 3, 2
NOISE = np.random.default_rng(0)
X = NOISE.normal(size=(4, WIDTH)).astype(np.float32)
Y = NOISE.normal(size=(4, WIDTH)).astype(np.float32)
MORE = NOISE.normal(size=(6, WIDTH)).astype(np.float32)
MEAN = (0.5, -0.2, 0.1)


def pair(engine: str) -> Any:
    """x = W z + m + e: `ppca`, whose density of data and latents is known."""
    settings = {"data_dim": WIDTH, "latent_dim": LATENT, "noise_scale": 0.7, "data_mean": MEAN}
    return create("ppca", engine=engine, seed=1, **settings)


def on(engine: str, x: np.ndarray, seed: int = 3) -> Any:
    """A fresh program on some rows."""
    if engine == "pyro":
        both, batch = pair("pyro"), (torch.tensor(x),)
        return PyroProgram(
            both.model, both.guide, batch, {}, inspect(both.model, both.guide, batch, {})
        )
    stored = load_engine("numpyro").snapshot(pair("numpyro"), (x,), 0)
    return NumPyroProgram(
        random.PRNGKey(seed), stored.values, *pair_of(stored), (x,), {}, lambda found: None
    )


def pair_of(stored: Any) -> tuple[Any, Any]:
    return stored.wrapped.model, stored.wrapped.guide


def latents(rows: int) -> np.ndarray:
    return np.random.default_rng(7).normal(size=(2, rows, LATENT)).astype(np.float32)


def array(engine: str, value: np.ndarray) -> Any:
    return torch.tensor(value) if engine == "pyro" else jnp.asarray(value)


def numbers(value: Any) -> np.ndarray:
    return np.asarray(value.detach() if hasattr(value, "detach") else value)


@pytest.mark.parametrize("batch", [Y, MORE], ids=["as many rows", "more rows"])
@pytest.mark.parametrize("engine", ENGINES)
def test_densities_at_held_values_are_a_fresh_programs(engine: str, batch: np.ndarray) -> None:
    values = {"z": array(engine, latents(len(batch)))}
    there = on(engine, X).at(array(engine, batch)).draw(2, values=values)
    fresh = on(engine, batch).draw(2, values=values)
    np.testing.assert_allclose(numbers(there.log_p), numbers(fresh.log_p), rtol=1e-6)
    np.testing.assert_allclose(numbers(there.log_q), numbers(fresh.log_q), rtol=1e-6)
    assert there.log_p.shape == (2, len(batch))


def test_draws_are_a_fresh_programs_from_the_same_state_on_pyro() -> None:
    here, fresh = on("pyro", X), on("pyro", MORE)
    drawn = []
    for program in (here.at(torch.tensor(MORE)), fresh):
        pyro.set_rng_seed(5)
        drawn.append(program.draw(3).values["z"].detach().numpy())
    np.testing.assert_array_equal(*drawn)


def test_draws_are_a_fresh_programs_from_the_same_key_on_numpyro() -> None:
    there = on("numpyro", X).at(jnp.asarray(MORE))
    fresh = on("numpyro", MORE)
    fresh.rng_key = there.rng_key
    drawn = [program.draw(3).values["z"] for program in (there, fresh)]
    np.testing.assert_array_equal(*drawn)


def test_keys_of_numpyro_are_apart_and_leave_the_draws_here_as_they_are() -> None:
    plain, program = on("numpyro", X), on("numpyro", X)
    first, second = program.at(X), program.at(X)
    drawn = [np.asarray(each.draw(1).values["z"]) for each in (plain, program, first, second)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert len({each.tobytes() for each in drawn}) == 3


@pytest.mark.parametrize("engine", ENGINES)
def test_a_gradient_goes_to_the_batch(engine: str) -> None:
    """d log p(x, z) / dx = (W z + m - x) / s^2."""
    program, z = on(engine, X), latents(len(Y))[:1]

    def density(x: Any) -> Any:
        return program.at(x).draw(1, values={"z": array(engine, z)}).log_p

    slope = numbers(program.input_gradient(density, array(engine, Y)))
    values = load_engine(engine).snapshot(pair(engine), (X,), 0)
    weight = load_engine(engine).parameters(values)["weight"]
    expected = (z[0] @ np.asarray(weight).T + np.array(MEAN, np.float32) - Y) / 0.7**2
    np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-5)


class Elsewhere(ELBO):
    """The ELBO of other rows than those that it is called with."""

    def __init__(self, move: Callable[[Any], Any]) -> None:
        super().__init__()
        self.move = move

    def surrogate(self, program: Any) -> Any:
        """The bound there."""
        return super().surrogate(program.at(self.move(program.data[0])))

    def arguments(self) -> dict[str, Any]:
        """None of use to a copy."""
        return {}


@pytest.mark.parametrize("rows", [4, 2], ids=["as many rows", "fewer rows"])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_gradient_goes_to_the_parameters(engine: str, rows: int) -> None:
    """The mean over draws is that of the objective on those rows; on Pyro each draw is the same."""
    found = [
        gradients(pair(engine), objective, (x,), 300)[0]
        for objective, x in ((Elsewhere(lambda x: 2 * x[:rows]), X), (ELBO(), 2 * X[:rows]))
    ]
    assert found[0].keys() == found[1].keys()
    for name, one in found[0].items():
        other = found[1][name]
        if engine == "pyro":
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
            continue
        error = np.sqrt((one.var(0) + other.var(0)) / len(one)) + 1e-6
        # |z| > 5.5 by chance: 4e-8 for each of at most 20 numbers, 8e-7 for a wrong alarm.
        assert (np.abs(one.mean(0) - other.mean(0)) < 5.5 * error).all(), name


def test_another_shape_is_looked_at_once_and_refused_where_it_does_not_fit() -> None:
    both, objective = pair("pyro"), IWAE(2)
    with pyro.get_param_store().scope():
        program = checked(objective, both.model, both.guide, (torch.tensor(X),), {})
        first = program.at(torch.tensor(MORE))
        again = program.at(torch.tensor(MORE))
        assert first.structure is again.structure
        assert program.at(torch.tensor(Y)).structure is program.structure


@pytest.mark.parametrize("engine", ENGINES)
def test_what_the_objective_owns_is_the_same(engine: str) -> None:
    program = on(engine, X)
    initial = np.float32(2.0)
    if engine == "pyro":
        with pyro.get_param_store().scope():
            here = program.parameter("scale", np.asarray(initial))
            assert program.at(torch.tensor(Y)).parameter("scale", np.asarray(initial)) is here
        return
    program.params["objective.scale"] = jnp.asarray(3.0)
    there = program.at(jnp.asarray(Y))
    assert float(there.parameter("scale", np.asarray(initial))) == 3.0
    there.keep("count", jnp.asarray(1.0))
    assert "objective.state.count" in program.mutable_state


def test_a_step_with_another_batch_compiles() -> None:
    """On NumPyro, at traced batches; the objective owns a baseline."""

    class Both(NVIL):
        def surrogate(self, program: Any) -> Any:
            return super().surrogate(program) + super().surrogate(program.at(program.data[0] / 2))

    both = pair("numpyro")
    model, guide = Both().attach(both.model, both.guide)
    from numpyro.infer import SVI
    from optax import sgd

    svi = SVI(model, guide, sgd(0.01), Both())
    state = svi.init(random.PRNGKey(0), X)
    _, loss = jax.jit(svi.update)(state, X)
    assert np.isfinite(float(loss))
