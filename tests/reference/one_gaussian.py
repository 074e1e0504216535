"""A model and a guide with three parameters, whose gradients can be worked out by hand.

z_n ~ N(0, 1),  x_n ~ N(z_n + b, 1);   guide: z_n ~ N(x_n / 2 + m, s),  s = exp(u)

With eps the guide's noise, c = -b - 2m and z = x / 2 + m + s eps, a draw of the ELBO has per datum

    d/db = x/2 - b - m - s eps,    d/dm = c - 2 s eps,    d/du = s eps (c - 2 s eps) + 1
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as ndist
import pyro
import pyro.distributions as pdist
import torch
from numpy.typing import NDArray
from scipy.stats import norm

Array = NDArray[np.float64]
B, M, S = 0.25, 0.375, 0.875
X = np.array([[0.5], [-1.25], [2.0], [0.75]], dtype=np.float32)


def pair(engine: str) -> tuple[Any, Any]:
    """Model and guide as bare functions."""
    library: Any = {"pyro": pyro, "numpyro": numpyro}[engine]
    dist: Any = {"pyro": pdist, "numpyro": ndist}[engine]
    array: Any = {"pyro": torch.tensor, "numpyro": jnp.asarray}[engine]

    def model(x: Any) -> None:
        b = library.param("b", array(B))
        with library.plate("data", len(x)):
            z = library.sample("z", dist.Normal(array([0.0]), 1.0).to_event(1))
            library.sample("x", dist.Normal(z + b, 1.0).to_event(1), obs=x)

    def guide(x: Any) -> None:
        m = library.param("m", array(M))
        s = library.param("s", array(S), constraint=dist.constraints.positive)
        with library.plate("data", len(x)):
            library.sample("z", dist.Normal(x / 2 + m, s).to_event(1))

    return model, guide


def moments(num_particles: int) -> tuple[dict[str, float], dict[str, float]]:
    """Mean and variance of each parameter's gradient of the ELBO with K draws, summed over X."""
    x, c = X[:, 0].astype(np.float64), -B - 2 * M
    mean = {"b": (x / 2 - B - M).sum(), "m": len(x) * c, "s": len(x) * (1 - 2 * S**2)}
    each = {"b": S**2, "m": 4 * S**2, "s": S**2 * c**2 + 8 * S**4}
    return mean, {name: len(x) * value / num_particles for name, value in each.items()}


def _pairs(b: float, m: float, s: float) -> tuple[Array, Array]:
    """Masses of pairs of draws by quadrature, (J,), and their two log weights, (N, 2, J)."""
    points, masses = np.polynomial.hermite_e.hermegauss(60)
    masses = masses / masses.sum()
    loc = X.astype(np.float64) / 2 + m
    z = loc + s * points
    log_w = norm.logpdf(z) + norm.logpdf(X - b, z) - norm.logpdf(z, loc, s)
    first, second = (grid.ravel() for grid in np.meshgrid(*[np.arange(60)] * 2))
    return masses[first] * masses[second], np.stack([log_w[:, first], log_w[:, second]], axis=1)


def bound_of_two(b: float, m: float, s: float) -> float:
    """L_2, summed over X."""
    mass, log_w = _pairs(b, m, s)
    return float(((np.logaddexp.reduce(log_w, 1) - math.log(2)) @ mass).sum())


def gradient_of_two(step: float = 1e-5) -> dict[str, float]:
    """Central differences of L_2, with respect to log s where the parameter is s."""
    ends = {
        "b": lambda h: bound_of_two(B + h, M, S),
        "m": lambda h: bound_of_two(B, M + h, S),
        "s": lambda h: bound_of_two(B, M, S * math.exp(h)),
    }
    return {name: (end(step) - end(-step)) / (2 * step) for name, end in ends.items()}


def effective_of_two() -> float:
    """E[(w_1 + w_2)^2 / (w_1^2 + w_2^2)], mean over X."""
    mass, log_w = _pairs(B, M, S)
    w = np.exp(log_w)
    return float((w.sum(1) ** 2 / (w**2).sum(1) @ mass).mean())
