"""A linear-Gaussian model of two latents whose posterior, evidence and gaps are known exactly."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as ndist
import pyro
import pyro.distributions as pdist
import torch
from numpy.typing import NDArray
from scipy.stats import multivariate_normal

WEIGHT = np.array([[1.0, 0.75], [0.5, 1.0], [0.75, -0.25]])
NOISE = 0.75
PRECISION = WEIGHT.T @ WEIGHT / NOISE**2 + np.eye(2)  # of the posterior
COVARIANCE = np.linalg.inv(PRECISION)
TO_MEAN = COVARIANCE @ WEIGHT.T / NOISE**2
MARGINAL = WEIGHT @ WEIGHT.T + NOISE**2 * np.eye(3)
BEST_DIAGONAL = np.diag(PRECISION) ** -0.5
# KL between the best diagonal Gaussian and the posterior, whatever x is.
DIAGONAL_GAP = 0.5 * (np.log(np.diag(PRECISION)).sum() - np.linalg.slogdet(PRECISION)[1])


def data(rows: int, seed: int = 0) -> NDArray[np.float32]:
    draws = np.random.default_rng(seed).multivariate_normal(np.zeros(3), MARGINAL, rows)
    return draws.astype(np.float32)


def evidence(x: NDArray[Any]) -> NDArray[Any]:
    density: Any = multivariate_normal(np.zeros(3), MARGINAL)  # pyright: ignore
    return np.atleast_1d(density.logpdf(x))


def guide_covariance(family: str, width: float) -> NDArray[Any]:
    whole = np.diag(BEST_DIAGONAL**2) if family in ("diagonal", "sites") else COVARIANCE
    return width**2 * whole


def divergence(family: str, width: float, shift: float) -> float:
    """KL(guide || posterior), whatever x is: the total gap."""
    covariance, moved = guide_covariance(family, width), np.full(2, shift)
    logdets = np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(PRECISION)[1]
    return float(0.5 * (np.trace(PRECISION @ covariance) - 2 + moved @ PRECISION @ moved - logdets))


def prior_divergence(x: NDArray[Any], family: str, width: float, shift: float) -> NDArray[Any]:
    """KL(guide || prior) per datum."""
    covariance, mean = guide_covariance(family, width), x @ TO_MEAN.T + shift
    logdet = np.linalg.slogdet(covariance)[1]
    return 0.5 * (np.trace(covariance) + (mean**2).sum(1) - 2 - logdet)


def pair(engine: str, family: str = "full", *, width: float = 1.0, shift: float = 0.0) -> Any:
    """Model and guide; the guide is Normal around the posterior's mean, off by `shift`.

    Args:
        engine: of which.
        family: `"full"`, `"low-rank"`, `"diagonal"` or `"sites"` (diagonal, a site for each).
        width: standard deviation over that of the family's best.
        shift: added to the mean.
    """
    library: Any = {"pyro": pyro, "numpyro": numpyro}[engine]
    dist: Any = {"pyro": pdist, "numpyro": ndist}[engine]
    array: Any = {"pyro": torch.tensor, "numpyro": jnp.asarray}[engine]
    stack: Any = {"pyro": torch.stack, "numpyro": jnp.stack}[engine]

    def constant(value: NDArray[Any]) -> Any:
        return array(np.asarray(value, np.float32))

    def model(x: Any = None, *, size: int = 1) -> Any:
        with library.plate("data", size if x is None else len(x)):
            if family == "sites":
                z = stack(
                    [library.sample(n, dist.Normal(constant(np.zeros(())), 1.0)) for n in "ab"], -1
                )
            else:
                z = library.sample("z", dist.Normal(constant(np.zeros(2)), 1.0).to_event(1))
            mean = z @ constant(WEIGHT.T)
            library.sample("x", dist.Normal(mean, NOISE).to_event(1), obs=x)
        return mean

    def guide(x: Any) -> None:
        mean = x @ constant(TO_MEAN.T) + shift
        covariance = guide_covariance(family, width)
        scale = constant(np.diag(covariance) ** 0.5)
        with library.plate("data", len(x)):
            if family == "sites":
                for index, name in enumerate("ab"):
                    library.sample(name, dist.Normal(mean[..., index], scale[index]))
            elif family == "diagonal":
                library.sample("z", dist.Normal(mean, scale).to_event(1))
            elif family == "low-rank":
                values, vectors = np.linalg.eigh(covariance)
                factor = vectors[:, 1:] * (values[1] - values[0]) ** 0.5
                rest = constant(np.full(2, values[0]))
                library.sample("z", dist.LowRankMultivariateNormal(mean, constant(factor), rest))
            else:
                tril = constant(np.linalg.cholesky(covariance))
                library.sample("z", dist.MultivariateNormal(mean, scale_tril=tril))

    def log_evidence(x: Any) -> Any:
        fn = dist.MultivariateNormal(constant(np.zeros(3)), covariance_matrix=constant(MARGINAL))
        return fn.log_prob(x)

    return SimpleNamespace(engine=engine, model=model, guide=guide, log_evidence=log_evidence)
