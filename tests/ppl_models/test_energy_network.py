"""Energy networks whose energy is quadratic, against the Gaussian in closed form."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx
from jax import random
from numpy.typing import NDArray
from rows import ENGINES
from scipy.stats import multivariate_normal, norm

from inference import CD, NCE, ScoreMatching, complete, fit, log_likelihood, log_partition
from inference.engines import load_engine
from inference.errors import ArgumentError
from ppl_models import create

each_engine = pytest.mark.parametrize("engine", ENGINES)
A = np.array([[1.5, 0.6], [0.6, 0.8]], np.float32)
SCALE = 2.0
PRECISION = A.astype(np.float64) + np.eye(2) / SCALE**2
COVARIANCE: Any = np.linalg.inv(PRECISION)
GAUSSIAN = multivariate_normal(np.zeros(2), COVARIANCE)


class TorchQuadratic(torch.nn.Module):
    """x' A x / 2."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix = torch.nn.Parameter(torch.tensor(A))

    def forward(self, x: Any) -> Any:
        return 0.5 * ((x @ self.matrix) * x).sum(-1, keepdim=True)


class JaxQuadratic(nnx.Module):
    def __init__(self) -> None:
        self.matrix = nnx.Param(jnp.asarray(A))

    def __call__(self, x: Any) -> Any:
        return 0.5 * ((x @ self.matrix[...]) * x).sum(-1, keepdims=True)


def quadratic(engine: str, **more: Any) -> Any:
    energy = TorchQuadratic() if engine == "pyro" else JaxQuadratic()
    return create("energy_network", engine=engine, energy=energy, base_scale=SCALE, **more)


def law(engine: str, **more: Any) -> Any:
    pair = quadratic(engine, **more)
    if engine == "pyro":
        return pair.law()
    from ppl_models.networks.energies.langevin_numpyro import LangevinEnergy

    return LangevinEnergy(pair.energy, jnp.zeros(2), SCALE, step_size=pair.step_size)


def array(engine: str, values: Any) -> Any:
    values = np.asarray(values, np.float32)
    return torch.tensor(values) if engine == "pyro" else jnp.asarray(values)


def numbers(value: Any) -> NDArray[np.float64]:
    value = value.detach().numpy() if isinstance(value, torch.Tensor) else value
    return np.asarray(value, np.float64)


@each_engine
def test_a_quadratic_energy_is_a_gaussian(engine: str) -> None:
    """The density up to Z = sqrt(det 2 pi C), and each entry given the other."""
    x = np.random.default_rng(0).normal(size=(7, 2))
    found, log_z = law(engine), 0.5 * np.log(np.linalg.det(2 * np.pi * COVARIANCE))
    log_p = numbers(found.log_prob(array(engine, x))) - log_z
    np.testing.assert_allclose(log_p, GAUSSIAN.logpdf(x), rtol=1e-4, atol=1e-5)
    spread = 1 / np.sqrt(np.diag(PRECISION))
    means = -x[:, ::-1] * PRECISION[0, 1] / np.diag(PRECISION)
    given = norm.logpdf(x, means, spread)
    every = found.log_conditionals(array(engine, x))
    np.testing.assert_allclose(numbers(every), given, rtol=1e-3, atol=1e-3)
    columns = np.arange(7)[:, None] % 2
    one = found.log_conditionals(array(engine, x), array(engine, columns))
    np.testing.assert_allclose(numbers(one), np.take_along_axis(given, columns, 1), atol=1e-3)


@each_engine
@pytest.mark.parametrize("size", [0.4, 1.2])
def test_langevin_steps_leave_it_invariant(engine: str, size: float) -> None:
    """20,000 chains from draws of the Gaussian, 3 steps: first and second moments at 5 standard
    errors, false-failure rate 3e-6. Without the decision the larger step would be far off."""
    count = 20_000
    x = GAUSSIAN.rvs(count, random_state=1)
    found = law(engine, step_size=size)
    value = array(engine, x)
    generator = torch.Generator().manual_seed(0)
    for number in range(3):
        value = found.transition(value, generator if engine == "pyro" else random.PRNGKey(number))
    ends = numbers(value)
    white = ends @ np.linalg.cholesky(PRECISION)
    assert (abs(white.mean(0)) < 5 / np.sqrt(count)).all()
    second = white.T @ white / count - np.eye(2)
    assert (abs(second) < 5 * np.array([[2**0.5, 1], [1, 2**0.5]]) / np.sqrt(count)).all()
    moved = (ends != numbers(array(engine, x))).any(1).mean()
    assert 0.3 < moved <= 1.0
    slope = -x @ PRECISION
    plain = x + size**2 / 2 * slope + size * np.random.default_rng(3).normal(size=x.shape)
    off = (plain @ np.linalg.cholesky(PRECISION)).var(0) - 1
    assert (abs(off) > 5 * np.sqrt(2 / count)).any() == (size > 1)


@each_engine
def test_the_rest_is_drawn_given_what_is_observed(engine: str) -> None:
    """One entry given the other, 3,000 chains: moments at 5 standard errors."""
    count = 3000
    x, held = np.tile(np.array([[1.5, 0.0]], np.float32), (count, 1)), np.array([True, False])
    drawn = complete(quadratic(engine, step_size=0.8), x, held, steps=60)
    assert (drawn[:, 0] == 1.5).all()
    spread = 1 / np.sqrt(PRECISION[1, 1])
    white = (drawn[:, 1] + 1.5 * PRECISION[0, 1] / PRECISION[1, 1]) / spread
    assert abs(white.mean()) < 5 / np.sqrt(count)
    assert abs((white**2).mean() - 1) < 5 * np.sqrt(2 / count)


@each_engine
def test_temperatures_and_the_constant(engine: str) -> None:
    """f^beta g^(1 - beta) by its parts; AIS finds Z and the likelihood within .05 nats."""
    found, x = law(engine), array(engine, [[0.3, -1.0], [2.0, 0.5]])
    for kind in ("uniform", np.array([0.5, -1.0], np.float32)):
        base = found.base(kind)
        mean = np.zeros(2) if isinstance(kind, str) else kind
        log_g = numbers(base.log_prob(x)) - float(base.log_partition())
        np.testing.assert_allclose(log_g, norm.logpdf(numbers(x), mean, SCALE).sum(1), rtol=1e-5)
        for beta in (0.0, 0.3, 1.0):
            own = numbers(found.tempered(beta, base).log_prob(x))
            parts = beta * numbers(found.log_prob(x)) + (1 - beta) * numbers(base.log_prob(x))
            np.testing.assert_allclose(own, parts, rtol=1e-4, atol=1e-5)
    pair = quadratic(engine, step_size=0.6)
    truth = 0.5 * np.log(np.linalg.det(2 * np.pi * COVARIANCE))
    estimate = log_partition(pair, num_chains=200, num_temperatures=60)
    assert abs(estimate.log_z - truth) < 0.1
    rows = numbers(x).astype(np.float32)
    likely = log_likelihood(pair, rows, method="ais", num_chains=200, num_temperatures=60)
    assert abs(likely.mean - GAUSSIAN.logpdf(rows).mean()) < 0.1
    with pytest.raises(ArgumentError, match="no finite sum"):
        log_partition(pair, "exact")


@each_engine
@pytest.mark.parametrize(
    ("objective", "rate", "steps"),
    [
        (CD(steps=3, chains=500), 0.02, 120),
        (ScoreMatching("sliced"), 0.03, 150),
        (NCE(ratio=5), 0.03, 150),
    ],
    ids=["pcd", "sliced", "nce"],
)
def test_what_is_learnt_is_the_precision_of_the_data(
    engine: str, objective: Any, rate: float, steps: int
) -> None:
    """A linear-Gaussian truth: 2,000 rows; the learnt precision is near that of the data, within
    .25; it begins 1 away from it."""
    narrow: Any = np.linalg.inv(PRECISION + np.eye(2))
    x = multivariate_normal(np.zeros(2), narrow).rvs(2000, random_state=2)
    run = fit(
        quadratic(engine, step_size=0.5),
        x.astype(np.float32),
        objective=objective,
        steps=steps,
        batch_size=500,
        learning_rate=rate,
        seed=0,
    )
    matrix = np.asarray(run.parameters["energy.matrix"], np.float64)
    found = 0.5 * (matrix + matrix.T) + np.eye(2) / SCALE**2
    truth = np.linalg.inv(np.cov(x.T))
    assert abs(found - truth).max() < 0.25
    assert abs(truth - PRECISION).max() > 0.8


@each_engine
def test_denoising_finds_the_slope_of_the_noisy_data(engine: str) -> None:
    """Its expected value is largest where the precision is that of data with noise.

    Its gradient there is zero, of 8 times 20,000 rows within .02, ten standard errors;
    at the precision of the data themselves, without the noise, it is not.
    """
    noise, count = 0.5, 20_000
    x = GAUSSIAN.rvs(count, random_state=5).astype(np.float32)
    noisy = np.linalg.inv(COVARIANCE + noise**2 * np.eye(2))
    for precision, still in ((noisy, True), (PRECISION, False)):
        pair = quadratic(engine)
        pair.set_weights({"energy.matrix": (precision - np.eye(2) / SCALE**2).astype(np.float32)})
        objective = ScoreMatching("denoising", noise)
        found, _ = load_engine(engine).gradients(pair, objective, (x,), 8)
        (each,) = (value for name, value in found.items() if "matrix" in name)
        assert (abs(each.mean(0) / count) < 0.02).all() == still


def test_a_linear_energy_moves_the_gaussian() -> None:
    """hidden=(): mean m - s^2 w, by chains; 4,000 draws at 5 standard errors."""
    pair = create(
        "energy_network", engine="numpyro", hidden=(), base_scale=1.0, step_size=0.9, burn_in=60,
        data_mean=[1.0, -1.0],
    )  # fmt: skip
    weight = pair.get_weights()["energy.layers.0.weight"][0]
    drawn = load_engine("numpyro").draw(pair, 4000, 0)[1]
    expected = np.array([1.0, -1.0]) - weight
    assert (abs(drawn.mean(0) - expected) < 5 / np.sqrt(4000)).all()
    with pytest.raises(ValueError, match="base_scale must be"):
        create("energy_network", base_scale=0.0)
    with pytest.raises(ValueError, match="data_mean must have shape"):
        create("energy_network", data_mean=[0.0])
