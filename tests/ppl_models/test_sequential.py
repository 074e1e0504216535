"""Sequences of Gaussians against the multivariate normal that a linear recurrence makes of them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions
import pyro
import pyro.distributions
import pytest
import torch
from jax import random
from rows import ENGINES
from scipy import stats

from inference import IWAE, STL, DReG
from inference.engines import load_engine
from ppl_models.networks.chains import sequential, sequential_numpyro

STEPS, SIZE = 4, 2
A = np.array([[0.6, -0.5], [0.4, 0.9]])
B, SCALE, START = np.array([0.3, -0.2]), np.array([0.5, 0.8]), np.array([1.0, -2.0])
SHOWN = np.random.default_rng(0).normal(size=(3, STEPS, SIZE))  # three sequences


multivariate_normal: Any = stats.multivariate_normal
norm: Any = stats.norm


def moments() -> tuple[np.ndarray, np.ndarray]:
    """Mean (3, 8) and covariance of z_t = A z_{t-1} + B + shown_t + SCALE e_t, z_0 = START."""
    noise = np.zeros((STEPS * SIZE, STEPS * SIZE))
    means, mean = [], np.broadcast_to(START, (3, SIZE))
    for t in range(STEPS):
        mean = mean @ A.T + B + SHOWN[:, t]
        means.append(mean)
        for s in range(t + 1):
            block = np.linalg.matrix_power(A, t - s) * SCALE
            noise[t * SIZE : (t + 1) * SIZE, s * SIZE : (s + 1) * SIZE] = block
    return np.stack(means, 1).reshape(3, -1), noise @ noise.T


def array(engine: str, value: Any) -> Any:
    return torch.tensor(value) if engine == "pyro" else jnp.asarray(value, dtype=jnp.float32)


def build(engine: str, kind: str, calls: list[int], a: Any = None, mask: Any = None) -> Any:
    """The recurrence as a `Sequential` that carries more than it needs, or as a `Markov`."""
    a, b, scale, start, shown = (
        array(engine, A) if a is None else a,
        *(array(engine, v) for v in (B, SCALE, START, SHOWN)),
    )
    module = sequential if engine == "pyro" else sequential_numpyro
    own: Any = {"inputs": shown, "inside": None if mask is None else array(engine, mask) > 0}

    def transition(before: Any, inputs: Any) -> tuple[Any, Any]:
        calls.append(1)
        loc = before @ a.T + b + inputs
        return loc, scale + 0 * loc

    if kind == "markov":
        return module.Markov(transition, start, (STEPS, SIZE), (3,), **own)

    def propose(carry: Any, inputs: Any) -> Any:
        return (*transition(carry[0], inputs), carry)

    def advance(carry: Any, z: Any) -> Any:
        return z, carry[1] + 1

    carry = (start, array(engine, np.zeros(5)))
    return module.Sequential(propose, advance, carry, (STEPS, SIZE), (3,), **own)


def draw(engine: str, fn: Any, seed: int, shape: tuple[int, ...] = ()) -> Any:
    if engine == "pyro":
        torch.manual_seed(seed)
        return fn.rsample(shape)
    return fn.sample(random.PRNGKey(seed), shape)


both = pytest.mark.parametrize("engine", ENGINES)
kinds = pytest.mark.parametrize("kind", ["sequential", "markov"])


@both
@kinds
def test_density_is_that_of_the_multivariate_normal(engine: str, kind: str) -> None:
    value = np.random.default_rng(1).normal(size=(5, 3, STEPS, SIZE))
    mean, covariance = moments()
    exact = [multivariate_normal(m, covariance).logpdf(v) for m, v in _rows(mean, value)]
    found = build(engine, kind, []).log_prob(array(engine, value))
    np.testing.assert_allclose(np.asarray(found), np.stack(exact, 1), rtol=2e-5)


@both
@kinds
def test_draws_have_the_moments_of_the_multivariate_normal(engine: str, kind: str) -> None:
    """20,000 draws; 3 x (8 + 36) z-scores below 5.9: a false failure in 2e6 runs."""
    count = 20_000
    drawn = np.asarray(draw(engine, build(engine, kind, []), 0, (count,)))
    assert drawn.shape == (count, 3, STEPS, SIZE)
    mean, covariance = moments()
    limit = norm.isf(0.5e-6 / 132)
    for m, v in _rows(mean, drawn):
        deviation = v - m
        spread = np.sqrt(np.diag(covariance) / count)
        assert (np.abs(deviation.mean(0)) < limit * spread).all()
        products = deviation[:, :, None] * deviation[:, None, :]
        spread = np.sqrt((np.outer(*[np.diag(covariance)] * 2) + covariance**2) / count)
        assert (np.abs(products.mean(0) - covariance) < limit * spread).all()


@both
def test_a_draw_is_scored_without_a_second_pass(engine: str) -> None:
    calls: list[int] = []
    fn = build(engine, "sequential", calls)
    if engine == "pyro":
        value = draw(engine, fn, 0)
        drawn = fn.log_prob(value)
        assert len(calls) == STEPS
        again = fn.log_prob(value.clone())
        assert len(calls) == 2 * STEPS
    else:
        value, moments = fn.sample_with_intermediates(random.PRNGKey(0))
        before = len(calls)
        drawn = fn.log_prob(value, moments)
        assert len(calls) == before
        again = fn.log_prob(value)
        assert len(calls) > before
    np.testing.assert_allclose(np.asarray(drawn), np.asarray(again), rtol=1e-5)


@both
def test_a_markov_chain_is_scored_in_one_call(engine: str) -> None:
    calls: list[int] = []
    build(engine, "markov", calls).log_prob(array(engine, SHOWN))
    assert len(calls) == 1


@both
@kinds
def test_gradients_along_a_draw_and_at_a_fixed_value(engine: str, kind: str) -> None:
    """With e the noise of a draw z: d/dA of z by its recurrence, of log q along it, and at it."""

    def parts(a: Any) -> tuple[Any, Any, Any]:
        fn = build(engine, kind, [], a)
        if engine == "pyro":
            z = draw(engine, fn, 0)
            return z.sum(), fn.log_prob(z).sum(), fn.log_prob(z.detach()).sum()
        z, own = fn.sample_with_intermediates(random.PRNGKey(0))
        along = fn.log_prob(z, own).sum()
        return z.sum(), along, fn.log_prob(jax.lax.stop_gradient(z)).sum()

    if engine == "pyro":
        a = torch.tensor(A, requires_grad=True)
        z = draw(engine, build(engine, kind, []), 0).numpy()
        found = [torch.autograd.grad(part, a, retain_graph=True)[0] for part in parts(a)]
    else:
        z = np.asarray(build(engine, kind, []).sample(random.PRNGKey(0)))
        start = jnp.asarray(A, dtype=jnp.float32)
        found = [jax.grad(lambda a, i=i: parts(a)[i])(start) for i in range(3)]
    slope = np.zeros((3, SIZE, SIZE, SIZE))  # d z_t[i] / d A[j, k]
    before = np.broadcast_to(START, (3, SIZE))
    path, score = np.zeros((SIZE, SIZE)), np.zeros((SIZE, SIZE))
    for t in range(STEPS):
        direct = np.einsum("ij,nk->nijk", np.eye(SIZE), before)
        slope = direct + np.einsum("il,nljk->nijk", A, slope)
        path += slope.sum((0, 1))
        noise = (z[:, t] - before @ A.T - B - SHOWN[:, t]) / SCALE
        score += np.einsum("nj,nk->jk", noise / SCALE, before)
        before = z[:, t]
    np.testing.assert_allclose(np.asarray(found[0]), path, rtol=1e-4)
    # Along the draw, log q = -e^2 / 2 - log SCALE does not depend on A.
    np.testing.assert_allclose(np.asarray(found[1]), np.zeros((SIZE, SIZE)), atol=1e-4)
    np.testing.assert_allclose(np.asarray(found[2]), score, rtol=1e-3)


@both
@kinds
def test_masked_steps_add_nothing(engine: str, kind: str) -> None:
    mask = np.arange(STEPS) < np.array([1, 3, STEPS])[:, None]
    value = np.random.default_rng(1).normal(size=(3, STEPS, SIZE))
    found = np.asarray(build(engine, kind, [], mask=mask).log_prob(array(engine, value)))
    mean, covariance = moments()
    for row, steps in enumerate((1, 3, STEPS)):
        kept = steps * SIZE
        exact = multivariate_normal(mean[row, :kept], covariance[:kept, :kept])
        np.testing.assert_allclose(found[row], exact.logpdf(value[row].ravel()[:kept]), rtol=2e-5)


@both
@kinds
def test_expanding_adds_independent_sequences(engine: str, kind: str) -> None:
    fn = build(engine, kind, []).expand((6, 3))
    assert tuple(fn.batch_shape) == (6, 3)
    assert tuple(fn.event_shape) == (STEPS, SIZE)
    value = draw(engine, fn, 0)
    assert value.shape == (6, 3, STEPS, SIZE)
    assert len(np.unique(np.asarray(value)[..., 0, 0])) == 18
    flat = build(engine, kind, []).log_prob(value)
    np.testing.assert_allclose(np.asarray(fn.log_prob(value)), np.asarray(flat), rtol=1e-5)


def _rows(mean: np.ndarray, value: np.ndarray) -> Any:
    return ((mean[row], value[:, row].reshape(len(value), -1)) for row in range(3))


def exact_pair(engine: str, x: np.ndarray) -> tuple[Any, Any]:
    """z_1 ~ N(0, 1), z_2 ~ N(z_1, 1), x ~ N(z_2, 1); the guide's parameters at the posterior.

    q(z_1 | x) = N(x / 3, 2 / 3),  q(z_2 | z_1, x) = N((z_1 + x) / 2, 1 / 2)
    """
    library = pyro if engine == "pyro" else numpyro
    dist: Any = pyro.distributions if engine == "pyro" else numpyro.distributions
    arrays: Any = torch if engine == "pyro" else jnp
    module = sequential if engine == "pyro" else sequential_numpyro
    initial = {
        "gain": np.array([1 / 3, 1 / 2], np.float32),
        "memory": np.array([0.0, 1 / 2], np.float32),
        "scale": np.sqrt(np.array([2 / 3, 1 / 2], np.float32)),
    }

    def model(x: Any) -> None:
        with library.plate("data", len(x)):
            zero = arrays.zeros((1,))
            prior = module.Markov(lambda z, _: (z, arrays.ones_like(z)), zero, (2, 1), (len(x),))
            z: Any = library.sample("z", prior)
            library.sample("x", dist.Normal(z[..., 1, :], 1.0).to_event(1), obs=x)

    def guide(x: Any) -> None:
        own: Any = {n: library.param(n, arrays.asarray(v)) for n, v in initial.items()}

        def propose(carry: Any, _: None) -> Any:
            before, left = carry
            at = [(left == 2) * value[0] + (left == 1) * value[1] for value in own.values()]
            loc = at[0] * x + at[1] * before
            return loc, at[2] + 0 * loc, carry

        def advance(carry: Any, z: Any) -> Any:
            return z, carry[1] - 1

        start = (arrays.zeros((1,)), arrays.zeros((1,)) + 2)
        with library.plate("data", len(x)):
            library.sample("z", module.Sequential(propose, advance, start, (2, 1), (len(x),)))

    return model, guide


@both
@pytest.mark.parametrize("objective", [STL(3), DReG(4)], ids=repr)
def test_at_the_posterior_the_landing_sticks(engine: str, objective: Any) -> None:
    """d/dz of a constant log w is zero: so is each gradient, and not only on average."""
    pyro.clear_param_store()
    x = np.random.default_rng(0).normal(size=(5, 1)).astype(np.float32)
    gradients = load_engine(engine).gradients
    found, values = gradients(exact_pair(engine, x), objective, (x,), 2)
    np.testing.assert_allclose(values, -norm(0, np.sqrt(3)).logpdf(x).sum(), rtol=1e-5)
    for name, gradient in found.items():
        np.testing.assert_allclose(gradient, 0, atol=2e-5, err_msg=name)
    noisy, _ = gradients(exact_pair(engine, x), IWAE(4), (x,), 2)
    assert any(np.abs(gradient).max() > 1e-2 for gradient in noisy.values())
    pyro.clear_param_store()
