"""A hierarchy of two Gaussians beside a uniform latent, with its evidence in closed form."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import numpyro
import numpyro.distributions as ndist
import pyro
import pyro.distributions as pdist
import torch
from numpy.typing import NDArray
from scipy.stats import norm

SLOPE, WIDTH, NOISE = 0.7, 2.0, 0.5


def bounded_chain(engine: str) -> Any:
    """u ~ Uniform(-1, 1), top ~ Normal(0, 1), low ~ Normal(0.7 top, 1), x ~ Normal(low + 2 u, .5).

    The guide proposes nothing.
    """
    if engine == "pyro":
        library, dist, zeros = pyro, pdist, torch.zeros
    else:
        library, dist, zeros = numpyro, ndist, np.zeros

    def model(x: Any = None, *, size: int = 1) -> Any:
        anything: Any = dist
        with library.plate("data", size if x is None else len(x)):
            u: Any = library.sample("u", anything.Uniform(zeros(1) - 1.0, 1.0).to_event(1))
            top: Any = library.sample("top", anything.Normal(zeros(()), 1.0))
            low: Any = library.sample("low", anything.Normal(SLOPE * top, 1.0))
            mean = low[..., None] + WIDTH * u
            library.sample("x", anything.Normal(mean, NOISE).to_event(1), obs=x)
        return mean

    return SimpleNamespace(engine=engine, model=model, guide=lambda x: None)


def evidence(x: NDArray[Any], noise: float = NOISE) -> NDArray[np.float64]:
    """log p(x), shape (N,): a uniform variable plus Gaussian noise."""
    scale = np.sqrt(SLOPE**2 + 1 + noise**2)
    column = x[:, 0].astype(np.float64)
    inside = norm.cdf((column + WIDTH) / scale) - norm.cdf((column - WIDTH) / scale)
    return np.log(inside / (2 * WIDTH))
