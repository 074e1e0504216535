"""Draws that the model cannot have made have no weight; the rest is as enumeration says."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as ndist
import pyro
import pyro.distributions as pdist
import pytest
import torch
from rows import ENGINES
from scipy.special import logsumexp

from inference.objectives import RWS, VIMCO

K, ROWS, SETS = 3, 250, 40
PRIOR, GUIDE = np.array([0.4, -0.6]), np.array([0.2, -0.3, 0.5])  # the third state is impossible
MEANS = np.array([-1.0, 1.0, 0.0])
X = np.full(ROWS, 0.3, dtype=np.float32)
each_engine = pytest.mark.parametrize("engine", ENGINES)


def pair(engine: str) -> tuple[Any, Any]:
    library: Any = pyro if engine == "pyro" else numpyro
    d: Any = pdist if engine == "pyro" else ndist
    array: Any = torch.tensor if engine == "pyro" else jnp.asarray

    def model(x: Any) -> None:
        prior = library.param("prior", array(PRIOR.astype(np.float32)))
        never = array(np.array([-np.inf], dtype=np.float32))
        both = torch.cat([prior, never]) if engine == "pyro" else jnp.concatenate([prior, never])
        with library.plate("data", len(x)):
            k = library.sample("k", d.Categorical(logits=both))
            mean = array(MEANS.astype(np.float32))[k]
            library.sample("x", d.Normal(mean, 1.0), obs=x)

    def guide(x: Any) -> None:
        logits = library.param("guide", array(GUIDE.astype(np.float32)))
        with library.plate("data", len(x)):
            library.sample("k", d.Categorical(logits=logits))

    return model, guide


def gradients(engine: str, objective: Any) -> tuple[np.ndarray, np.ndarray]:
    """The objective's value per call, and its gradient per row by prior and guide, (SETS, 5)."""
    model, guide = pair(engine)
    if engine == "numpyro":

        def loss(params: Any, key: Any) -> Any:
            return -objective.loss(key, params, model, guide, jnp.asarray(X)) / ROWS

        params = {"prior": jnp.asarray(PRIOR), "guide": jnp.asarray(GUIDE)}
        keys = jax.random.split(jax.random.PRNGKey(0), SETS)
        run = jax.jit(jax.vmap(jax.value_and_grad(loss), in_axes=(None, 0)))
        values, slopes = run(params, keys)
        return np.asarray(values), np.concatenate([slopes["prior"], slopes["guide"]], axis=1)
    values, each = [], []
    with pyro.get_param_store().scope():
        pyro.set_rng_seed(0)
        for _ in range(SETS):
            pyro.clear_param_store()
            value = -objective(model, guide, torch.tensor(X)) / ROWS
            value.backward()
            values.append(value.item())
            pieces: Any = [pyro.param(name).grad for name in ("prior", "guide")]
            each.append(torch.cat(pieces).numpy())
    return np.array(values), np.array(each)


def enumerated(prior: np.ndarray, guide: np.ndarray) -> float:
    """E log 1/K sum_k w_k, with nothing for sets of draws that are all impossible."""
    log_q = guide - logsumexp(guide)
    log_p = np.append(prior - logsumexp(prior), -np.inf)
    log_w = log_p - 0.5 * (X[0] - MEANS) ** 2 - 0.5 * np.log(2 * np.pi) - log_q
    total = 0.0
    for states in map(list, itertools.product(range(3), repeat=K)):
        bound = logsumexp(log_w[states]) - np.log(K)
        total += np.exp(log_q[states].sum()) * bound if np.isfinite(bound) else 0.0
    return total


def slopes() -> np.ndarray:
    both, step = np.concatenate([PRIOR, GUIDE]), 1e-5
    moves = step * np.eye(len(both))

    def at(values: np.ndarray) -> float:
        return enumerated(values[:2], values[2:])

    return np.array([(at(both + move) - at(both - move)) / (2 * step) for move in moves])


@each_engine
@pytest.mark.parametrize("objective", [VIMCO(K), RWS(K)], ids=["VIMCO", "RWS"])
def test_gradients_are_those_of_enumeration(engine: str, objective: Any) -> None:
    values, found = gradients(engine, objective)
    assert np.isneginf(values).all()  # a row whose draws are all impossible is in every call
    assert np.isfinite(found).all()
    counted = slice(0, 5) if isinstance(objective, VIMCO) else slice(0, 2)
    error = found.std(0, ddof=1) / np.sqrt(SETS)
    # Six errors with 39 degrees of freedom are 5e-7; 14 such numbers fail once in 100,000 runs.
    np.testing.assert_array_less(abs(found.mean(0) - slopes())[counted], 6 * error[counted] + 1e-6)
