"""Chains of corruption and reconstruction against matrices over all states, and Gaussians."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pyro
import pytest
import torch
from jax import random
from numpy.typing import NDArray
from rows import ENGINES
from scipy.special import expit, logit
from scipy.stats import chi2, multivariate_normal

from inference import Denoising
from inference.engines import load_engine
from ppl_models import create

each_engine = pytest.mark.parametrize("engine", ENGINES)
BITS = 6
STATES = np.array(np.meshgrid(*[[0.0, 1.0]] * BITS, indexing="ij")).reshape(BITS, -1).T
CHANCES = np.array([0.1, 0.3, 0.5, 0.6, 0.8, 0.95])
FLIP = 0.3
"""Of the corruption: an entry becomes a fair coin with chance .3."""


def laws(engine: str, pair: Any) -> Any:
    """Functions of x to the law of c, and of c to that of x."""
    if engine == "pyro":
        return pair.corruption, lambda c: pair.reconstruction(c, None)
    network = pair.network
    import numpyro.distributions as dist

    return pair.corruption, lambda c: dist.BernoulliLogits(network(c)).to_event(1)


def numbers(value: Any) -> NDArray[np.float64]:
    value = value.detach().numpy() if isinstance(value, torch.Tensor) else value
    return np.asarray(value, np.float64)


def exact(engine: str) -> Any:
    """The pair at the posterior of independent bits given their corrupted copies."""
    pair: Any = create(
        "denoising_autoencoder",
        engine=engine,
        data_dim=BITS,
        hidden=(),
        corruption=FLIP,
        burn_in=30,
        data_mean=np.full(BITS, 0.5),
    )
    on = np.log((1 - FLIP / 2) / (FLIP / 2))  # log q(c = 1 | x = 1) - log q(c = 1 | x = 0)
    weights = {
        "network.layers.0.weight": np.diag(np.full(BITS, 2 * on)),
        "network.layers.0.bias": logit(CHANCES) - on,
    }
    if engine == "pyro":
        pair.double()
    dtype = np.float64 if engine == "pyro" else np.float32
    pair.set_weights({name: value.astype(dtype) for name, value in weights.items()})
    return pair


def matrices(engine: str, pair: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """q(c | x) and p(x | c) over all states, from the pair's own densities."""
    array = torch.tensor(STATES) if engine == "pyro" else jnp.asarray(STATES, jnp.float32)
    corruption, reconstruction = laws(engine, pair)
    up = numbers(corruption(array[:, None]).log_prob(array[None]))
    down = numbers(reconstruction(array[:, None]).log_prob(array[None]))
    return np.exp(up), np.exp(down)


@each_engine
def test_with_the_exact_posterior_the_chain_has_the_law_of_the_data(engine: str) -> None:
    """pi T = pi to 1e-12 in float64, T from the pair's densities; and pi is the only such law."""
    pair = exact(engine)
    up, down = matrices(engine, pair)
    tolerance = 1e-12 if engine == "pyro" else 1e-6
    np.testing.assert_allclose(up.sum(1), 1, atol=tolerance)
    pi = np.prod(np.where(STATES == 1, CHANCES, 1 - CHANCES), 1)
    chain = up @ down
    np.testing.assert_allclose(pi @ chain, pi, atol=tolerance)
    assert sorted(abs(np.linalg.eigvals(chain)))[-2] < 0.9
    wrong = pi @ (up @ np.roll(down, 1, axis=0))
    assert abs(wrong - pi).max() > 0.01


@each_engine
def test_steps_and_draws_are_those_of_the_matrix(engine: str) -> None:
    """Chi-squared of 20,000 steps from one state, and of 20,000 draws; false failures 1e-5."""
    pair, count, start = exact(engine), 20_000, 37
    up, down = matrices(engine, pair)
    begun = np.repeat(STATES[start : start + 1], count, 0)
    if engine == "pyro":
        torch.manual_seed(0)
        ends = numbers(pair.transition(torch.tensor(begun)))
    else:
        law = laws(engine, pair)[1]
        x = jnp.asarray(begun, jnp.float32)
        ends = numbers(pair.transition(x, random.PRNGKey(0), lambda c, noise: law(c)))
    assert fits(ends, (up @ down)[start])
    assert not fits(ends, (up @ down)[start + 1])
    pi = np.prod(np.where(STATES == 1, CHANCES, 1 - CHANCES), 1)
    if engine == "pyro":
        pair.float()
    drawn = load_engine(engine).draw(pair, count, 3)[1]
    assert fits(drawn, pi)


def fits(rows: NDArray[Any], law: NDArray[Any]) -> bool:
    codes = (rows @ 2 ** np.arange(BITS)[::-1]).astype(int)
    seen, expected = np.bincount(codes, minlength=len(law)), law * len(rows)
    rare = expected < 5
    pooled = np.append(expected[~rare], expected[rare].sum())
    found = np.append(seen[~rare], seen[rare].sum())
    distance = ((found - pooled) ** 2 / np.maximum(pooled, 1e-9)).sum()
    return bool(distance < chi2.isf(1e-5, len(pooled) - 1))


@each_engine
def test_a_linear_denoiser_is_the_slope_of_a_gaussian(engine: str) -> None:
    """r(c) - c = s^2 grad log p_s(c), p_s the data's Gaussian with noise, is what is learnt.

    At W = C (C + s^2)^-1 the criterion's gradient is zero, of 8 times 20,000 rows within .06, five
    standard errors or more; at W = 1, without a denoiser, it is not.
    """
    noise, count = 0.7, 20_000
    covariance: Any = np.array([[1.0, 0.5], [0.5, 0.8]])
    mean = np.array([0.5, -1.0])
    data = multivariate_normal(mean, covariance)
    x = data.rvs(count, random_state=0).astype(np.float32)
    smoothed = np.linalg.inv(covariance + noise**2 * np.eye(2))
    best = covariance @ smoothed
    c = np.random.default_rng(1).normal(size=(5, 2))
    slope = -(c - mean) @ smoothed
    np.testing.assert_allclose(c @ best.T + mean - best @ mean - c, noise**2 * slope, atol=1e-12)
    left = np.sqrt(np.diag(covariance - best @ covariance))
    for weight, still in ((best, True), (np.eye(2), False)):
        pair: Any = create(
            "denoising_autoencoder",
            engine=engine,
            data_dim=2,
            hidden=(),
            likelihood="gaussian",
            corruption=noise,
        )
        values = {
            "network.layers.0.weight": weight,
            "network.layers.0.bias": mean - weight @ mean,
            "log_scales": np.log(left),
        }
        pair.set_weights({name: np.asarray(v, np.float32) for name, v in values.items()})
        found, _ = load_engine(engine).gradients(pair, Denoising(0), (x,), 8)
        total = {name: abs(each.mean(0) / count).max() for name, each in found.items()}
        assert (max(total.values()) < 0.06) == still, total


def test_layers_are_swept_odd_and_even() -> None:
    """A GSN's output from its equations in numpy, with the noise that it was given."""
    noise = np.random.default_rng(2).normal(size=(3, 2, 2, 9))
    c = np.random.default_rng(3).integers(0, 2, (3, 6)).astype(np.float64)
    made: Any = create(
        "gsn", engine="pyro", data_dim=6, hidden_dims=(5, 4), noise_scale=0.3, seed=1
    )
    pair = made.double()
    weights = {name: np.asarray(v) for name, v in pair.get_weights().items()}
    one, two = weights["network.weights.0"], weights["network.weights.1"]
    b0, b1, b2 = (weights[f"network.biases.{k}"] for k in range(3))
    h2 = np.zeros((3, 4))
    h1 = np.zeros((3, 5))
    for sweep in range(2):
        before, after = 0.3 * noise[:, sweep, 0], 0.3 * noise[:, sweep, 1]
        h1 = np.tanh(c @ one + h2 @ two.T + b1 + before[:, :5]) + after[:, :5]
        h2 = np.tanh(h1 @ two + b2 + before[:, 5:]) + after[:, 5:]
    law = pair.reconstruction(torch.tensor(c), torch.tensor(noise))
    np.testing.assert_allclose(numbers(law.mean), expit(h1 @ one.T + b0), rtol=1e-10)
    with pytest.raises(ValueError, match="hidden_dims must name one layer or more"):
        create("gsn", hidden_dims=())
    with pytest.raises(ValueError, match="corruption must be at most 1"):
        create("gsn", corruption=1.5)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("name", ["denoising_autoencoder", "gsn"])
def test_what_is_drawn_has_the_type_and_device_of_the_networks(name: str, likelihood: str) -> None:
    """In double precision, and on a device of no numbers, where a tensor of the CPU would show."""
    layers = {"hidden_dims" if name == "gsn" else "hidden": (4,)}
    pair: Any = create(
        name, engine="pyro", data_dim=BITS, likelihood=likelihood, burn_in=2, **layers
    )
    pair = pair.double()
    assert pair.model(size=3).dtype == torch.float64
    assert load_engine("pyro").draw(pair, 3, 0)[1].dtype == np.float64
    x = torch.zeros(3, BITS, dtype=torch.float64)
    assert pair.model(x).dtype == torch.float64
    pair = pair.to("meta")
    with pyro.validation_enabled(False):  # which looks at numbers
        assert pair._ends((3, BITS)).device.type == "meta"
        assert name != "gsn" or pair._noise().device.type == "meta"
