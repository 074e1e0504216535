"""The deep Markov model against plain numpy loops over each sequence's own steps, and Kalman."""

from __future__ import annotations

from typing import Any, cast

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from rows import ENGINES
from scipy import stats
from scipy.special import expit
from scoring import log_densities

from inference.engines import load_engine
from inference.engines.numpyro.pairs import StoredPair
from inference.engines.pyro.parameters import rebuild
from inference.engines.pyro.particles import vectorises
from ppl_models import create

COUNT, LENGTH, WIDTH, LATENT = 4, 4, 3, 2
LENGTHS = np.array([4, 1, 3, 2])
SMALL: dict[str, Any] = {
    "data_dim": WIDTH,
    "length": LENGTH,
    "latent_dim": LATENT,
    "hidden": (6,),
    "transition_hidden": 5,
    "guide_hidden": 7,
}
_LINEAR = {"hidden": (), "transition": "linear", "likelihood": "gaussian"}
KALMAN = {**SMALL, **_LINEAR, "noise_scale": 0.7}
Array = NDArray[np.float64]
norm: Any = stats.norm
multivariate_normal: Any = stats.multivariate_normal
both = pytest.mark.parametrize("engine", ENGINES)


def moved(engine: str, settings: dict[str, Any]) -> tuple[Any, dict[str, Array]]:
    """A pair with random parameters, and these by their torch names in float64."""
    random = np.random.default_rng(0)
    torch_pair = cast(torch.nn.Module, create("deep_markov", engine="pyro", **settings))
    values = {
        name: random.normal(scale=0.5, size=value.shape).astype(np.float32)
        for name, value in torch_pair.named_parameters()
    }
    exact = {name: value.astype(np.float64) for name, value in values.items()}
    pair = create("deep_markov", engine=engine, **settings)
    if engine == "pyro":
        return rebuild(pair, values, batch("bernoulli")), exact
    nested: dict[str, Any] = {}
    for name, value in values.items():
        network, *path, last = name.split(".")
        branch = nested.setdefault(f"{network}$params", {})
        for key in path:  # flax counts the entries of a list, torch names them
            branch = branch.setdefault(int(key) if key.isdigit() else key, {})
        branch["kernel" if last == "weight" else last] = jnp.asarray(value.T)
    return StoredPair(pair, nested), exact


def batch(likelihood: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    random = np.random.default_rng(1)
    if likelihood == "gaussian":
        return random.normal(size=(COUNT, LENGTH, WIDTH)).astype(np.float32), LENGTHS
    return (random.random((COUNT, LENGTH, WIDTH)) < 0.5).astype(np.float32), LENGTHS


def states(seed: int = 2) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(COUNT, LENGTH, LATENT)).astype(np.float32)


class Slow:
    """Scores one sequence at a time, from its own steps alone."""

    def __init__(self, values: dict[str, Array]) -> None:
        self.values = values

    def linear(self, name: str, inputs: Array) -> Array:
        return self.values[f"{name}.weight"] @ inputs + self.values.get(f"{name}.bias", 0.0)

    def network(self, name: str, inputs: Array) -> Array:
        hidden = np.maximum(self.linear(f"{name}.layers.0", inputs), 0)
        return self.linear(f"{name}.layers.1", hidden)

    def scale(self, name: str, inputs: Array) -> Array:
        return np.log1p(np.exp(self.linear(name, inputs))) + 1e-3

    def log_p(self, x: Array, z: Array) -> float:
        total, before = 0.0, self.values["start.value"]
        for seen, state in zip(x, z, strict=True):
            gate = expit(self.network("transition.gate", before))
            proposed = self.network("transition.network", before)
            mean = (1 - gate) * self.linear("transition.linear", before) + gate * proposed
            scale = self.scale("transition.scale", np.maximum(proposed, 0))
            total += norm(mean, scale).logpdf(state).sum()
            logits = self.network("emission", state)
            total -= np.logaddexp(0, np.where(seen == 1, -logits, logits)).sum()
            before = state
        return total

    def log_q(self, x: Array, z: Array) -> float:
        future, futures = np.zeros(7), []
        for seen in x[::-1]:
            own = np.split(self.linear("future.cell.recurrent", future), 3)
            shown = np.split(self.linear("future.input", seen), 3)
            reset, keep = expit(shown[0] + own[0]), expit(shown[1] + own[1])
            future = (1 - keep) * np.tanh(shown[2] + reset * own[2]) + keep * future
            futures.append(future)
        total, before = 0.0, np.zeros(LATENT)
        for state, ahead in zip(z, futures[::-1], strict=True):
            h = (np.tanh(self.linear("combiner.before", before)) + ahead) / 2
            scale = self.scale("combiner.scale", h)
            total += norm(self.linear("combiner.mean", h), scale).logpdf(state).sum()
            before = state
        return total


@both
@pytest.mark.parametrize("masked", [True, False])
def test_densities_are_those_of_each_sequence_up_to_its_length(engine: str, masked: bool) -> None:
    (pair, values), (x, lengths) = moved(engine, SMALL), batch("bernoulli")
    z = states()
    found = log_densities(pair, (x, lengths) if masked else (x,), {"z": z})
    slow = Slow(values)
    kept = lengths if masked else [LENGTH] * COUNT
    for row, n in enumerate(kept):
        own, latent = x[row, :n].astype(float), z[row, :n].astype(float)
        np.testing.assert_allclose(found[0][row], slow.log_p(own, latent), rtol=1e-5)
        np.testing.assert_allclose(found[1][row], slow.log_q(own, latent), rtol=1e-5)


@both
def test_nothing_after_a_sequence_matters(engine: str) -> None:
    """Neither its padding nor what is drawn there, to the last bit."""
    (pair, _), (x, lengths) = moved(engine, SMALL), batch("bernoulli")
    z, outside = states(), np.arange(LENGTH) >= lengths[:, None]
    others = np.where(outside[..., None], 1 - x, x), np.where(outside[..., None], states(3), z)
    assert (others[0] != x).any()
    assert (others[1] != z).any()
    before = log_densities(pair, (x, lengths), {"z": z})
    after = log_densities(pair, (others[0], lengths), {"z": others[1]})
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


@both
def test_the_linear_model_is_kalmans(engine: str) -> None:
    """Bayes' rule at any z: log p(x, z) = log p(x) + log p(z | x), sequence by sequence.

    The evidence is the Kalman filter's, the posterior that of the joint normal of all steps.
    """
    (pair, values), (x, lengths) = moved(engine, KALMAN), batch("gaussian")
    z = states()
    log_p, _ = log_densities(pair, (x, lengths), {"z": z})
    move, drift = values["transition.linear.weight"], values["transition.linear.bias"]
    noise = np.diag(np.exp(2 * values["transition.log_scale"]))
    shown, level = values["emission.layers.0.weight"], values["emission.layers.0.bias"]
    blur = 0.7**2 * np.eye(WIDTH)
    for row, n in enumerate(lengths):
        mean, covariance, evidence = values["start.value"], np.zeros((LATENT, LATENT)), 0.0
        for seen in x[row, :n]:
            mean, covariance = move @ mean + drift, move @ covariance @ move.T + noise
            total = shown @ covariance @ shown.T + blur
            evidence += multivariate_normal(shown @ mean + level, total).logpdf(seen)
            gain = covariance @ shown.T @ np.linalg.inv(total)
            mean = mean + gain @ (seen - shown @ mean - level)
            covariance = covariance - gain @ shown @ covariance
        posterior = posterior_of(
            x[row, :n].astype(float), values, move, drift, noise, shown, level, blur
        )
        exact = evidence + posterior.logpdf(z[row, :n].ravel())
        np.testing.assert_allclose(log_p[row], exact, rtol=2e-5)


def posterior_of(
    x: Array,
    values: dict[str, Array],
    move: Array,
    drift: Array,
    noise: Array,
    shown: Array,
    level: Array,
    blur: Array,
) -> Any:
    """p(z_1..z_n | x_1..x_n), by conditioning the joint normal of all of them."""
    n = len(x)
    means, mean = [], values["start.value"]
    spread = np.zeros((n * LATENT, n * LATENT))
    for t in range(n):
        mean = move @ mean + drift
        means.append(mean)
        for s in range(t + 1):
            block = np.linalg.matrix_power(move, t - s) @ np.sqrt(noise)
            spread[t * LATENT : (t + 1) * LATENT, s * LATENT : (s + 1) * LATENT] = block
    prior, emission = spread @ spread.T, np.kron(np.eye(n), shown)
    total = emission @ prior @ emission.T + np.kron(np.eye(n), blur)
    gain = prior @ emission.T @ np.linalg.inv(total)
    expected = np.concatenate(means)
    error = x.ravel() - emission @ expected - np.tile(level, n)
    return multivariate_normal(expected + gain @ error, prior - gain @ emission @ prior)


def test_particles_ride_along_in_one_pass() -> None:
    pair, arrays = create("deep_markov", engine="pyro", **SMALL), batch("bernoulli")
    structure = load_engine("pyro").structure(pair, arrays)
    assert structure.guide["z"].reparameterised
    assert structure.guide["z"].event_shape == (LENGTH, LATENT)
    args = tuple(torch.tensor(array) for array in arrays)
    assert vectorises(pair.model, pair.guide, args, {}, structure)


X, ALL = batch("bernoulli")
WRONG_BATCHES: list[tuple[tuple[Any, ...], str]] = [
    ((X[:, :3],), r"x must have shape \(N, 4, 3\), got \(4, 3, 3\)"),
    ((X[:, :, :2],), r"x must have shape \(N, 4, 3\), got \(4, 4, 2\)"),
    ((X, np.array([4, 0, 1, 1])), "lengths must be from 1 to 4.*got 0 in row 1"),
    ((X, np.array([4, 1, 5, 1])), "lengths must be from 1 to 4.*got 5 in row 2"),
    ((X, ALL[:3]), r"lengths must be whole numbers of shape \(4,\)"),
    ((X, ALL.astype(np.float32)), "lengths must be whole numbers.*float32"),
]


@both
@pytest.mark.parametrize(("arrays", "message"), WRONG_BATCHES)
def test_batches_that_do_not_fit_are_refused(
    engine: str, arrays: tuple[Any, ...], message: str
) -> None:
    pair = create("deep_markov", engine=engine, **SMALL)
    given = [torch.tensor(a) if engine == "pyro" else jnp.asarray(a) for a in arrays]
    for refuse, some in ((pair.check_batch, arrays), (pair.model, given), (pair.guide, given)):
        with pytest.raises(ValueError, match=message):
            refuse(*some)


@both
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"length": 0}, "length must be a whole number of at least 1"),
        ({"latent_dim": 0}, "latent_dim must be a whole number of at least 1"),
        ({"guide_hidden": 0}, "guide_hidden must be a whole number of at least 1"),
        ({"transition_hidden": 0}, "transition_hidden must be a whole number of at least 1"),
        ({"transition": "curved"}, "transition must be one of gated, linear"),
        ({"likelihood": "poisson"}, "likelihood must be one of bernoulli, gaussian"),
        ({"hidden": 64}, "hidden must be a sequence of sizes"),
    ],
)
def test_wrong_arguments_are_explained(engine: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create("deep_markov", engine=engine, **settings)
