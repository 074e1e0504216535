"""PPCA worked out by hand in float64: bounds, evidence and gradients that need no draws."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as ndist
import pyro
import pyro.distributions as pdist
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

Arrays = dict[str, NDArray[Any]]
Bound = Callable[[Arrays, NDArray[Any]], float]


def parameters(data_dim: int, latent_dim: int, seed: int = 3) -> Arrays:
    """Parameters of PPCA with a linear guide that is off the posterior, but not far."""
    random = np.random.default_rng(seed)
    weight = random.normal(size=(data_dim, latent_dim))
    noise = 0.8
    precision = weight.T @ weight / noise**2 + np.eye(latent_dim)
    posterior = np.linalg.solve(precision, weight.T) / noise**2
    tril = 0.2 * random.normal(size=(latent_dim, latent_dim))
    tril[np.diag_indices(latent_dim)] = np.log(1.2 * np.linalg.inv(precision).diagonal() ** 0.5)
    values = {
        "weight": weight,
        "mean": random.normal(size=data_dim),
        "log_noise": np.array(np.log(noise)),
        "guide_weight": posterior + 0.1 * random.normal(size=posterior.shape),
        "guide_bias": 0.1 * random.normal(size=latent_dim),
        "guide_tril": tril,
    }
    # Rounded, so that float32 programs and these float64 formulae have the very same parameters.
    return {name: value.astype(np.float32).astype(np.float64) for name, value in values.items()}


def single(values: Arrays) -> Arrays:
    return {name: value.astype(np.float32) for name, value in values.items()}


def evidence(values: Arrays, x: NDArray[Any]) -> float:
    """Sum over the data of log N(x; mean, W W' + s^2 I)."""
    weight, noise = values["weight"], np.exp(2 * values["log_noise"])
    covariance = weight @ weight.T + noise * np.eye(len(weight))
    return float(np.sum(multivariate_normal(values["mean"], cast(Any, covariance)).logpdf(x)))


def elbo(values: Arrays, x: NDArray[Any]) -> float:
    """The ELBO in closed form, summed over the data."""
    weight, noise = values["weight"], np.exp(2 * values["log_noise"])
    mean, scale = _guide(values, x)
    covariance = scale @ scale.T
    residual = x - values["mean"] - mean @ weight.T
    dims, latents = weight.shape
    likelihood = -0.5 * dims * np.log(2 * np.pi * noise) - 0.5 / noise * (
        (residual**2).sum(1) + np.trace(weight @ covariance @ weight.T)
    )
    divergence = 0.5 * (
        (mean**2).sum(1) + np.trace(covariance) - latents - np.linalg.slogdet(covariance)[1]
    )
    return float((likelihood - divergence).sum())


def iwae(
    values: Arrays, x: NDArray[Any], *, num_particles: int, alpha: float = 0.0, nodes: int = 40
) -> float:
    """The importance-weighted bound of a one-dimensional latent by Gauss-Hermite quadrature.

    With alpha the Renyi bound of as many particles.
    """
    mean, scale = _guide(values, x)
    points, masses = np.polynomial.hermite_e.hermegauss(nodes)
    masses = masses / masses.sum()
    z = mean + scale[0, 0] * points  # (N, nodes)
    noise = np.exp(values["log_noise"])
    centre = values["mean"] + z[..., None] * values["weight"][:, 0]  # (N, nodes, D)
    log_p = norm.logpdf(z) + norm.logpdf(x[:, None], centre, noise).sum(-1)
    log_w = log_p - norm.logpdf(z, mean, scale[0, 0])  # (N, nodes)
    grids = np.meshgrid(*[np.arange(nodes)] * num_particles, indexing="ij")
    chosen = log_w[:, np.stack(grids).reshape(num_particles, -1)]  # (N, K, nodes^K)
    mass = np.prod(masses[np.stack(grids).reshape(num_particles, -1)], axis=0)
    bound = logsumexp((1 - alpha) * chosen, axis=1) - np.log(num_particles)
    return float((bound / (1 - alpha) @ mass).sum())


def gradient(bound: Bound, values: Arrays, x: NDArray[Any], step: float = 1e-5) -> Arrays:
    """Central differences of a bound with respect to every parameter."""
    result = {}
    for name, value in values.items():
        slopes = np.zeros(value.shape)
        for index in np.ndindex(value.shape):
            ends = []
            for sign in (1, -1):
                moved = value.copy()
                moved[index] += sign * step
                ends.append(bound({**values, name: moved}, x))
            slopes[index] = (ends[0] - ends[1]) / (2 * step)
        result[name] = slopes
    return result


def _guide(values: Arrays, x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    mean = x @ values["guide_weight"].T + values["guide_bias"]
    free = values["guide_tril"]
    return mean, np.tril(free, -1) + np.diag(np.exp(np.diag(free)))


def subsampled(engine: str, values: Arrays, x: NDArray[Any], rows: int) -> Any:
    """The same model as bare functions whose plate takes `rows` of the data at a time."""
    functions = _pyro_functions if engine == "pyro" else _numpyro_functions
    model, guide = functions(single(values), x.astype(np.float32), rows)
    return SimpleNamespace(engine=engine, model=model, guide=guide)


def _pyro_functions(values: Arrays, x: NDArray[Any], rows: int) -> tuple[Any, Any]:
    data = torch.tensor(x)

    def param(name: str) -> torch.Tensor:
        return pyro.param(name, torch.tensor(values[name]))

    def model() -> None:
        weight, mean = param("weight"), param("mean")
        with pyro.plate("data", len(data), subsample_size=rows) as index:
            z = pyro.sample("z", pdist.Normal(torch.zeros(weight.shape[1]), 1.0).to_event(1))
            fn = pdist.Normal(z @ weight.T + mean, param("log_noise").exp()).to_event(1)
            pyro.sample("x", fn, obs=data[index])

    def guide() -> None:
        free = param("guide_tril")
        tril = free.tril(-1) + torch.diag(free.diagonal().exp())
        with pyro.plate("data", len(data), subsample_size=rows) as index:
            mean = data[index] @ param("guide_weight").T + param("guide_bias")
            pyro.sample("z", pdist.MultivariateNormal(mean, scale_tril=tril))

    return model, guide


def _numpyro_functions(values: Arrays, x: NDArray[Any], rows: int) -> tuple[Any, Any]:
    data = jnp.asarray(x)

    def param(name: str) -> Any:
        return numpyro.param(name, jnp.asarray(values[name]))

    def model() -> None:
        weight, mean, noise = param("weight"), param("mean"), jnp.exp(param("log_noise"))
        with numpyro.plate("data", len(data), subsample_size=rows) as index:
            z = numpyro.sample("z", ndist.Normal(jnp.zeros(weight.shape[1]), 1.0).to_event(1))
            fn = ndist.Normal(z @ weight.T + mean, noise).to_event(1)
            numpyro.sample("x", fn, obs=data[index])

    def guide() -> None:
        free = param("guide_tril")
        tril = jnp.tril(free, -1) + jnp.diag(jnp.exp(jnp.diagonal(free)))
        weight, bias = param("guide_weight"), param("guide_bias")
        with numpyro.plate("data", len(data), subsample_size=rows) as index:
            mean = data[index] @ weight.T + bias
            numpyro.sample("z", ndist.MultivariateNormal(mean, scale_tril=tril))

    return model, guide
