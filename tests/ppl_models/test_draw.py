"""DRAW against plain numpy loops in float64, and its grids of filters by themselves."""

from __future__ import annotations

from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import pytest
import torch
from filters import Array, filters
from numpy.typing import NDArray
from pyro import poutine
from rows import ENGINES
from scipy import stats
from scipy.special import expit
from scoring import kernel_names, log_densities

from inference.engines import load_engine
from inference.engines.numpyro.pairs import StoredPair
from inference.engines.numpyro.parameters import flatten, public_names
from inference.engines.pyro.parameters import rebuild
from inference.engines.pyro.particles import vectorises
from ppl_models import create

SIDE, STEPS, LATENT = 4, 3, 2
SMALL: dict[str, Any] = {"data_dim": SIDE**2, "latent_dim": LATENT, "hidden": 5, "steps": STEPS}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": SMALL,
    "attention": {**SMALL, "attention": True, "read_size": 2, "write_size": 3},
}
norm: Any = stats.norm
both = pytest.mark.parametrize("engine", ENGINES)
variants = pytest.mark.parametrize("variant", VARIANTS)


class Slow:
    """DRAW for one image at a time."""

    def __init__(self, values: dict[str, NDArray[Any]], settings: dict[str, Any]) -> None:
        self.values = {n: np.asarray(value, np.float64) for n, value in values.items()}
        self.attention = settings.get("attention", False)
        self.read_size: int = settings.get("read_size", 0)
        self.write_size: int = settings.get("write_size", 0)

    def lstm(self, name: str, inputs: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        weight = self.values[f"{name}.cell.recurrent.weight"]
        gates = inputs + weight @ state[0] + self.values[f"{name}.cell.recurrent.bias"]
        i, f, g, o = np.split(gates, 4)
        memory = expit(f + 1) * state[1] + expit(i) * np.tanh(g)
        return expit(o) * np.tanh(memory), memory

    def linear(self, name: str, inputs: Array) -> Array:
        return self.values[f"{name}.weight"] @ inputs + self.values.get(f"{name}.bias", 0.0)

    def run(self, x: Array, z: Array) -> tuple[float, float, Array]:
        """log p(x, z), log q(z | x), and the canvases after each step."""
        canvas = self.values["canvas.value"]
        encoder = decoder = (np.zeros(5), np.zeros(5))
        log_q, canvases = 0.0, []
        for step in z:
            error = x - expit(canvas)
            if self.attention:
                bank = filters(self.linear("reader.window", decoder[0]), self.read_size, SIDE)
                images = [image.reshape(SIDE, SIDE) for image in (x, error)]
                patches = [bank[2] * bank[1] @ image @ bank[0].T for image in images]
                inputs = self.linear("reader.seen", np.concatenate(patches).ravel())
            else:
                inputs = self.linear("reader.seen", error) + self.linear("glance", x)
            inputs = inputs + self.linear("reader.feedback", decoder[0])
            encoder = self.lstm("reader", inputs, encoder)
            mean, log_scale = np.split(self.linear("reader.proposal", encoder[0]), 2)
            log_q += norm(mean, np.exp(log_scale)).logpdf(step).sum()
            decoder = self.lstm("painter", self.linear("painter.latent", step), decoder)
            stroke = self.linear("painter.stroke", decoder[0])
            if self.attention:
                bank = filters(self.linear("painter.window", decoder[0]), self.write_size, SIDE)
                patch = stroke.reshape(self.write_size, self.write_size)
                stroke = (bank[1].T @ patch @ bank[0]).ravel() / bank[2]
            canvas = canvas + stroke
            canvases.append(canvas)
        log_p = (
            norm(0, 1).logpdf(z).sum() - np.logaddexp(0, np.where(x == 1, -canvas, canvas)).sum()
        )
        return log_p, log_q, np.stack(canvases)


def images(rows: int, columns: int = SIDE**2) -> NDArray[np.float32]:
    return (np.random.default_rng(0).random((rows, columns)) < 0.4).astype(np.float32)


def moved(engine: str, variant: str) -> tuple[Any, dict[str, NDArray[Any]]]:
    """A pair with random parameters, none of them zero, and these by their torch names."""
    names = create("draw", engine="pyro", **VARIANTS[variant])
    random = np.random.default_rng(0)
    values = {
        name: random.normal(scale=0.4, size=value.shape).astype(np.float32)
        for name, value in cast(torch.nn.Module, names).named_parameters()
    }
    pair = create("draw", engine=engine, **VARIANTS[variant])
    if engine == "pyro":
        return rebuild(pair, values, (images(1),)), values
    nested: dict[str, Any] = {}
    for name, value in values.items():
        network, *path, last = name.split(".")
        branch = nested.setdefault(f"{network}$params", {})
        for key in path:
            branch = branch.setdefault(key, {})
        branch["kernel" if last == "weight" else last] = jnp.asarray(value.T)
    return StoredPair(pair, nested), values


@both
@variants
def test_densities_and_canvases_are_those_of_plain_loops(engine: str, variant: str) -> None:
    (pair, values), x = moved(engine, variant), images(4)
    slow = Slow(values, VARIANTS[variant])
    z = np.random.default_rng(1).normal(size=(4, STEPS, LATENT)).astype(np.float32)
    log_p, log_q, canvases = zip(*[slow.run(*row) for row in zip(x, z, strict=True)], strict=True)
    found = log_densities(pair, (x,), {"z": z})
    np.testing.assert_allclose(found[0], log_p, rtol=1e-5)
    np.testing.assert_allclose(found[1], log_q, rtol=1e-5)
    own = pair.canvases(torch.tensor(z) if engine == "pyro" else jnp.asarray(z))
    own = own.detach().numpy() if engine == "pyro" else np.asarray(own)
    assert own.shape == (4, STEPS, SIDE**2)
    np.testing.assert_allclose(own, expit(np.stack(canvases)), atol=1e-5)
    np.testing.assert_allclose(
        load_engine(engine).decode(pair, {"z": z}, size=len(z)), own[:, -1], atol=1e-6
    )


@variants
def test_particles_ride_along_in_one_pass(variant: str) -> None:
    pair, args = create("draw", engine="pyro", **VARIANTS[variant]), (torch.tensor(images(3)),)
    structure = load_engine("pyro").structure(pair, (images(3),))
    assert structure.guide["z"].event_shape == (STEPS, LATENT)
    assert structure.guide["z"].reparameterised
    assert vectorises(pair.model, pair.guide, args, {}, structure)


@both
def test_the_first_canvas_has_the_mean_of_the_data(engine: str) -> None:
    mean = np.linspace(0, 1, SIDE**2)
    pair: Any = create("draw", engine=engine, **SMALL, data_mean=mean)
    canvas = pair.canvas.value
    canvas = canvas.detach().numpy() if engine == "pyro" else np.asarray(canvas[...])
    np.testing.assert_allclose(expit(canvas), np.clip(mean, 1e-3, 0.999), atol=1e-5)


@both
def test_the_first_glance_sees_the_middle_of_the_image(engine: str) -> None:
    """A grid of two by two at the corners sees nothing of a digit and never learns to."""
    pair: Any = create("draw", engine=engine, attention=True, hidden=16, steps=1)
    blank = np.zeros((1, 28, 28), dtype=np.float32)
    full = blank.copy()
    full[:, 9:19, 9:19] = 1
    found = []
    for image in (blank, full):  # with the same noise
        x = image.reshape(1, -1)
        if engine == "pyro":
            torch.manual_seed(0)
            found.append(poutine.trace(pair.guide).get_trace(torch.tensor(x)).nodes["z"]["value"])
        else:
            guide = numpyro.handlers.seed(pair.guide, 0)
            found.append(numpyro.handlers.trace(guide).get_trace(x)["z"]["value"])
    first, second = (np.asarray(z.detach() if engine == "pyro" else z) for z in found)
    assert np.abs(first - second).max() > 1e-3


@both
@variants
def test_the_gradient_of_log_q_is_a_finite_difference(engine: str, variant: str) -> None:
    """Through the whole recurrence, by every parameter, the decoder's among them."""
    (pair, values), x = moved(engine, variant), images(2)
    random = np.random.default_rng(1)
    z = random.normal(size=(2, STEPS, LATENT)).astype(np.float32)
    direction = {name: random.normal(size=value.shape) for name, value in values.items()}

    def slow(size: float) -> float:
        at = {name: value + size * direction[name] for name, value in values.items()}
        return sum(Slow(at, VARIANTS[variant]).run(*row)[1] for row in zip(x, z, strict=True))

    exact = (slow(1e-5) - slow(-1e-5)) / 2e-5
    slopes = slopes_of_log_q(pair, x, z)
    own = sum(float((slope * direction[name]).sum()) for name, slope in slopes.items())
    np.testing.assert_allclose(own, exact, rtol=2e-4)


def slopes_of_log_q(pair: Any, x: NDArray[Any], z: NDArray[Any]) -> dict[str, NDArray[Any]]:
    if pair.engine == "pyro":
        guide = poutine.condition(pair.guide, data={"z": torch.tensor(z)})
        score: Any = poutine.trace(guide).get_trace(torch.tensor(x)).log_prob_sum()
        score.backward()
        found = dict(pair.wrapped.named_parameters())
        return {n: value.grad.numpy() for n, value in found.items() if value.grad is not None}

    def log_q(values: Any) -> Any:
        fixed: Any = {**values, "z": z}
        given = numpyro.handlers.substitute(pair.wrapped.guide, data=fixed)
        trace = numpyro.handlers.trace(numpyro.handlers.seed(given, 0)).get_trace(x)
        return trace["z"]["fn"].log_prob(trace["z"]["value"]).sum()

    return kernel_names(public_names(flatten(jax.grad(log_q)(pair.values))))


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"data_dim": 12, "attention": True}, "data_dim=12 is no square number.*16 pixels"),
    ({"attention": True, "read_size": 5}, "read_size must be at most 4.*got 5"),
    ({"attention": True, "write_size": 5}, "write_size must be at most 4.*got 5"),
    ({"attention": True, "read_size": 0}, "read_size must be a whole number of at least 1"),
    ({"attention": 1}, "attention must be True or False, got 1"),
    ({"latent_dim": 0}, "latent_dim must be a whole number of at least 1"),
    ({"steps": 0}, "steps must be a whole number of at least 1"),
    ({"hidden": 0}, "hidden must be a whole number of at least 1"),
    ({"data_mean": np.zeros(3)}, r"data_mean must have shape \(16,\)"),
]


@both
@pytest.mark.parametrize(("settings", "message"), WRONG)
def test_refusals(engine: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create("draw", engine=engine, **{"data_dim": 16, "write_size": 4, **settings})


def test_images_need_not_be_square_without_attention() -> None:
    pair = create("draw", engine="pyro", data_dim=12)
    means, draws = load_engine("pyro").draw(pair, 3, 0)
    assert means is not None
    assert means.shape == draws.shape == (3, 12)
