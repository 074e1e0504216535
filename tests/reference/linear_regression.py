"""Bayesian linear regression with known noise: its posterior over the weights is Gaussian."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as ndist
import pyro
import pyro.distributions as pdist
import torch

ROWS, WIDTH, NOISE = 40, 3, 0.5


def data(rows: int = ROWS) -> tuple[Any, Any]:
    """Columns that are nearly the same, so that the weights' posterior is strongly correlated."""
    random = np.random.default_rng(0)
    x = 0.95 * random.normal(size=(rows, 1)) + 0.3 * random.normal(size=(rows, WIDTH))
    y = x @ np.array([1.0, -1.0, 0.5]) + NOISE * random.normal(size=rows)
    return x.astype(np.float32), y.astype(np.float32)


def posterior(x: Any, y: Any) -> tuple[Any, Any]:
    """Mean and covariance of p(w | x, y), with w ~ Normal(0, I)."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    covariance = np.linalg.inv(np.eye(WIDTH) + x.T @ x / NOISE**2)
    return covariance @ x.T @ y / NOISE**2, covariance


def model(x, y):
    w = numpyro.sample("w", ndist.Normal(jnp.zeros(WIDTH), 1.0).to_event(1))
    with numpyro.plate("data", len(x)):
        numpyro.sample("y", ndist.Normal(x @ w, NOISE), obs=y)


def pyro_model(x, y):
    w = pyro.sample("w", pdist.Normal(torch.zeros(WIDTH), 1.0).to_event(1))
    with pyro.plate("data", len(x)):
        pyro.sample("y", pdist.Normal((x @ w[..., None])[..., 0], NOISE), obs=y)


def guide(mean: Any, covariance: Any) -> Any:
    """A NumPyro guide that is a given Gaussian."""
    mean, covariance = (jnp.asarray(value, jnp.float32) for value in (mean, covariance))

    def fixed(x, y):
        numpyro.sample("w", ndist.MultivariateNormal(mean, covariance))

    return fixed


def pyro_guide(mean: Any, covariance: Any) -> Any:
    """A Pyro guide that is a given Gaussian."""
    mean, covariance = (torch.tensor(value, dtype=torch.float32) for value in (mean, covariance))

    def fixed(x, y):
        pyro.sample("w", pdist.MultivariateNormal(mean, covariance))

    return fixed


def pair(engine: str, mean: Any, covariance: Any) -> tuple[Any, Any]:
    """The model with a Gaussian guide."""
    if engine == "pyro":
        return pyro_model, pyro_guide(mean, covariance)
    return model, guide(mean, covariance)
