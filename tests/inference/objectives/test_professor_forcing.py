"""Hidden states on data and on own draws: bits of the likelihood, gradients, what it is for."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx
from numpy.typing import NDArray
from rows import ENGINES, ROWS
from scipy.special import expit
from scoring import kernel_names

from inference import fit, log_likelihood, valid_objectives
from inference.engines import load_engine
from inference.errors import ObjectiveError
from inference.objectives import ELBO, ProfessorForcing
from inference.program.program import is_owned
from ppl_models import create

LENGTH, WIDTH, SIZE, COUNT = 3, 2, 3, 6
X = (np.random.default_rng(0).random((COUNT, LENGTH, WIDTH)) < 0.5).astype(np.float32)
LENGTHS = np.array([3, 1, 2, 3, 2, 1])
WEIGHT = 0.7
Array = NDArray[Any]
both_engines = pytest.mark.parametrize("engine", ENGINES)


def recurrent(engine: str, **settings: Any) -> Any:
    return create(
        "recurrent", engine=engine, data_dim=WIDTH, length=LENGTH, hidden_dim=SIZE, **settings
    )


class Torch(torch.nn.Module):
    """A critic that does not look."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = torch.nn.Parameter(torch.tensor(0.3))

    def forward(self, states: Any) -> Any:
        return self.bias.expand(len(states))


class Flax(nnx.Module):
    def __init__(self) -> None:
        self.bias = nnx.Param(jnp.asarray(0.3))

    def __call__(self, states: Any) -> Any:
        return jnp.broadcast_to(self.bias[...], len(states))


@both_engines
def test_weight_zero_is_the_likelihood_to_the_bit(engine: str) -> None:
    settings: Any = {"steps": 6, "batch_size": 3, "progress": False}
    plain = fit(recurrent(engine), (X, LENGTHS), objective=ELBO(), **settings)
    same, other = (
        fit(recurrent(engine), (X, LENGTHS), objective=ProfessorForcing(weight), **settings)
        for weight in (0.0, 1.0)
    )
    for name, value in plain.parameters.items():
        np.testing.assert_array_equal(value, same.parameters[name])
    np.testing.assert_array_equal(plain.history["loss"], same.history["loss"])
    assert any(not np.array_equal(v, other.parameters[n]) for n, v in plain.parameters.items())


def split(found: dict[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
    """Mean gradients of the pair and of the critic."""
    pair = {n: v.mean(0) for n, v in found.items() if not is_owned(n)}
    return pair, {n: v.mean(0) for n, v in found.items() if is_owned(n)}


@both_engines
def test_a_critic_that_does_not_look_teaches_nothing(engine: str) -> None:
    critic = Torch() if engine == "pyro" else Flax()
    objective = ProfessorForcing(WEIGHT, critic, both=True).during("generator")
    gradients = load_engine(engine).gradients
    found, _ = gradients(recurrent(engine), objective, (X, LENGTHS), 1)
    exact, _ = gradients(recurrent(engine), ELBO(), (X, LENGTHS), 1)
    assert exact
    for name, value in exact.items():
        np.testing.assert_array_equal(found[name], value)


def states(own: dict[str, Array], x: Array, length: int) -> Array:
    """The states of one row, in a plain loop; zero after the end."""
    h, found = own["start.value"], np.zeros((LENGTH, SIZE))
    for t in range(length):
        found[t] = h
        (a, b, n) = np.split(own["input.weight"] @ x[t], 3)
        again = own["cell.recurrent.weight"] @ h + own["cell.recurrent.bias"]
        (r, u, m) = np.split(again, 3)
        h = (1 - expit(b + u)) * np.tanh(n + expit(a + r) * m) + expit(b + u) * h
    return found.reshape(-1)


def own_names(found: dict[str, Array], engine: str) -> dict[str, Array]:
    found = found if engine == "pyro" else kernel_names(found)
    return {n.removeprefix("network."): v.astype(np.float64) for n, v in found.items()}


@pytest.mark.parametrize(("engine", "both"), [("pyro", False), ("pyro", True), ("numpyro", True)])
def test_gradients_of_both_sides_match_finite_differences(engine: str, both: bool) -> None:
    """In float64, with a linear critic, where draws are certain: all their entries are one."""
    pair = recurrent(engine, data_mean=np.full(WIDTH, 1 - 1e-7))
    objective = ProfessorForcing(WEIGHT, hidden=(), both=both)
    gradients, random = load_engine(engine).gradients, np.random.default_rng(1)
    w, b = random.normal(size=(LENGTH * SIZE, 1)), random.normal(size=1)
    values = {"critic.out.weight": w.astype(np.float32), "critic.out.bias": b.astype(np.float32)}
    by_turn = {
        turn: gradients(pair, objective.during(turn), (X, LENGTHS), 1, values=values)[0]
        for turn in ("critic", "generator")
    }
    likelihood, _ = gradients(pair, ELBO(), (X, LENGTHS), 1)
    settings: Any = {"steps": 1, "learning_rate": 1e-12, "progress": False}
    unmoved = fit(pair, (X, LENGTHS), objective=ELBO(), **settings)
    start = own_names(unmoved.parameters, engine)

    def losses(own: dict[str, Array], w: Array, b: Array) -> tuple[float, float]:
        """What critic and model descend, summed over the data."""
        real = np.array([states(own, x, n) for x, n in zip(X, LENGTHS, strict=True)])
        drawn = np.array([states(own, np.ones_like(X[0]), n) for n in LENGTHS])
        a, c = (part @ w[:, 0] + b[0] for part in (real, drawn))
        critics = np.logaddexp(0, -a).sum() + np.logaddexp(0, c).sum()
        generators = np.logaddexp(0, -c).sum() + both * np.logaddexp(0, a).sum()
        return critics, WEIGHT * generators

    _, critics = split(by_turn["critic"])
    moved, _ = split(by_turn["critic"])
    assert all(not value.any() for value in moved.values())
    for name, array in (("weight", w), ("bias", b)):
        found = next(v for n, v in critics.items() if n.strip('[]"').endswith(f"out.{name}"))
        slope = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            step = np.zeros_like(array)
            step[index] = 1e-6
            ends = [
                losses(start, w + s * step, b)
                if name == "weight"
                else losses(start, w, b + s * step)
                for s in (1, -1)
            ]
            slope[index] = (ends[0][0] - ends[1][0]) / 2e-6
        np.testing.assert_allclose(found, slope, rtol=1e-3, atol=1e-4)
        assert abs(slope).max() > 0.1

    found = own_names({n: (by_turn["generator"][n] - v)[0] for n, v in likelihood.items()}, engine)
    for name in ("start.value", "input.weight", "cell.recurrent.weight", "cell.recurrent.bias"):
        slope = np.zeros_like(start[name])
        for index in np.ndindex(slope.shape):
            step = np.zeros_like(slope)
            step[index] = 1e-6
            up, down = (losses({**start, name: start[name] + s * step}, w, b) for s in (1, -1))
            slope[index] = (up[1] - down[1]) / 2e-6
        np.testing.assert_allclose(found[name], slope, rtol=1e-3, atol=1e-4)
        assert abs(slope).max() > 1e-3


@both_engines
def test_states_after_the_end_of_a_sequence_are_not_seen(engine: str) -> None:
    """Other padding, and the same terms: the critic would tell it from draws at once."""
    padding = np.arange(LENGTH)[None, :, None] >= LENGTHS[:, None, None]
    other = np.where(padding, 1 - X, X).astype(np.float32)
    pair, gradients = recurrent(engine), load_engine(engine).gradients
    found, again = (
        gradients(pair, ProfessorForcing().during("critic"), (x, LENGTHS), 1)[0] for x in (X, other)
    )
    for name, value in found.items():
        np.testing.assert_array_equal(value, again[name])


@both_engines
def test_its_history_is_the_likelihood_and_its_critic_can_be_asked(engine: str) -> None:
    objective = ProfessorForcing(0.1, critic_steps=2, hidden=(4,), dropout=0.2)
    run = fit(recurrent(engine), X, objective=objective, steps=6, batch_size=3, progress=False)
    assert run.unit == "nats per datum"
    exact = log_likelihood(run.pair, X, 1).per_datum
    assert run.rows[-1]["loss"] == pytest.approx(-exact.mean(), abs=0.5)
    assert run.critic(np.zeros((COUNT, LENGTH, SIZE), np.float32)).shape == (COUNT,)


@both_engines
def test_it_is_for_sequential_models_without_latents(engine: str) -> None:
    fits = {"recurrent-mixture": "", "made-mixture": "", "vae": "latent 'z'"}
    for row, words in {**fits, "conditional-network": "'x' observes the data"}.items():
        each = ROWS[row]
        pair = create(each.model, engine=engine, **each.hyperparameters)
        found = valid_objectives(pair, *each.batch(4))
        assert ("ProfessorForcing" in found.valid) is (not words), row
        assert words in found.refused.get("ProfessorForcing", "")
        if row == "recurrent-mixture":
            fit(pair, each.batch(4), objective="professorforcing", steps=2, progress=False)
        elif words:
            with pytest.raises(ObjectiveError, match=words):
                fit(pair, each.batch(4), objective="professorforcing", steps=1)


def test_bad_settings_are_named() -> None:
    with pytest.raises(ValueError, match="weight must be"):
        ProfessorForcing(-1.0)
    with pytest.raises(ValueError, match="both must be"):
        ProfessorForcing(both=2)  # pyright: ignore[reportArgumentType]
