"""A packed guide: `AutoMultivariateNormal` of each library, one latent positive.

    m ~ N(a, 1),  s ~ Gamma(3, e^r),  x_d ~ N(m, s) for five d: one datum
    guide: (m, log s) ~ N(loc, L L^T)

The guide draws one vector and hands its parts out, that of s through an exponential: a point mass
with the density of the Jacobian. Expectations are Gauss-Hermite sums over the vector. The guide
starts at a diagonal L, whose gradient below the diagonal is none the less not zero.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from inference.estimators.certificate.cases import Case, rounded
from inference.estimators.certificate.expectations import Expected
from inference.estimators.certificate.libraries import as_array, frameworks, parameters
from inference.estimators.certificate.programs.program import OfCase
from inference.estimators.certificate.quadrature import hermite
from inference.estimators.certificate.sites import Array, Arrays
from inference.objectives import Objective

_SHAPE = 3.0  # of the Gamma distribution
_SCALE = 0.35  # where the guide starts
_X = np.array([[0.8, -0.5, 1.6, 0.3, 1.1]], dtype=np.float32).astype(np.float64)


class Packed(Case):
    """Quadrature over the vector (m, t = log s); the only datum has five entries."""

    def data(self, rows: int) -> NDArray[np.float64]:
        """x, (1, 5)."""
        return _X[:rows]

    def log_p(self, values: Arrays, x: NDArray[Any], latents: Mapping[str, NDArray[Any]]) -> Array:
        """log p(x, m, s) + t: a density of the vector, (N, J)."""
        m, t = latents["m"], latents["t"]
        rate = values["rate"]
        prior = -0.5 * (m - values["mean"]) ** 2 - 0.5 * np.log(2 * np.pi)
        prior = prior + _SHAPE * rate - gammaln(_SHAPE) + _SHAPE * t - np.exp(rate + t)
        eps = (x[:, None] - m[..., None]) * np.exp(-t[..., None])
        return prior + (-0.5 * eps**2 - t[..., None] - 0.5 * np.log(2 * np.pi)).sum(-1)

    def log_q(self, values: Arrays, x: NDArray[Any], latents: Mapping[str, NDArray[Any]]) -> Array:
        """log q of the vector, (N, J)."""
        del x
        (a, _), (b, c) = values["guide_tril"]
        first = (latents["m"] - values["guide_loc"][0]) / a
        second = (latents["t"] - values["guide_loc"][1] - b * first) / c
        return -0.5 * (first**2 + second**2) - np.log(a * c) - np.log(2 * np.pi)

    def nodes(self, values: Arrays, x: NDArray[Any]) -> tuple[NDArray[np.float64], Arrays]:
        """Nodes loc + L e, (N, J)."""
        log_mass, eps = hermite(self.order, 2)
        m, t = (values["guide_loc"] + eps @ values["guide_tril"].T).T
        shape = (len(x), len(log_mass))
        return np.broadcast_to(log_mass, shape), {
            "m": np.broadcast_to(m, shape),
            "t": np.broadcast_to(t, shape),
        }

    def dreams(self, values: Arrays) -> tuple[NDArray[np.float64], NDArray[np.float64], Arrays]:
        """The prior's nodes; the guide does not look at x, so that there is no need of it."""
        log_mass, eps = hermite(8, 1)
        t = np.arange(-14.0, 4.0, 0.02)
        density = _SHAPE * (values["rate"] + t) - np.exp(values["rate"] + t) - gammaln(_SHAPE)
        both = (log_mass[:, None] + density + np.log(0.02)).ravel()
        m = np.broadcast_to(values["mean"] + eps, (len(eps), len(t))).ravel()
        late = np.broadcast_to(t, (len(eps), len(t))).ravel()
        return both, np.zeros((len(both), 5)), {"m": m, "t": late}


@dataclass(frozen=True, eq=False)
class PackedGuide(OfCase):
    """The case with a library's own guide."""

    @property
    def latents(self) -> list[str]:
        """By the model's names."""
        return ["m", "s"]

    @property
    def batch(self) -> tuple[NDArray[Any], ...]:
        """The one datum."""
        return (self.data[0].astype(np.float32),)

    def pair(self, engine: str) -> Any:
        """`AutoMultivariateNormal` for a model without plates."""
        library, arrays = frameworks(engine)
        dist, values = library.distributions, self.values

        def model(x: Any) -> None:
            v = parameters(engine, values, set(values) - self.guide_names)
            m = library.sample("m", dist.Normal(v["mean"], 1.0))
            s = library.sample("s", dist.Gamma(_SHAPE, arrays.exp(v["rate"])))
            law = dist.Normal(m[..., None], s[..., None]).expand((*m.shape, 5)).to_event(1)
            library.sample("x", law, obs=x)

        loc = values["guide_loc"]
        start = {"m": as_array(engine, loc[0]), "s": as_array(engine, np.exp(loc[1]))}
        auto = importlib.import_module(f"{engine}.infer.autoguide")
        initial = importlib.import_module(_INITIAL[engine]).init_to_value(values=start)
        guide = auto.AutoMultivariateNormal(model, init_loc_fn=initial, init_scale=_SCALE)
        return SimpleNamespace(engine=engine, model=model, guide=guide)

    def compared(self, engine: str, gradients: Arrays) -> Arrays:
        """Gradients by loc and by the entries of L, from each library's own parameters.

        NumPyro's are these; Pyro's L is diag(softplus(u)) times a unit triangle.
        """
        own = {n: g for n, g in gradients.items() if n in self.values}
        if engine == "numpyro":
            lower = np.tril(np.ones((2, 2)))
            tril = gradients["auto_scale_tril"] * lower
            return {**own, "guide_loc": gradients["auto_loc"], "guide_tril": tril}
        by_part = {name.rsplit(".", 1)[-1]: g for name, g in gradients.items()}
        tril = np.zeros((len(by_part["loc"]), 2, 2))
        diagonal = by_part["scale"] / -np.expm1(-_SCALE)
        tril[:, [0, 1], [0, 1]] = diagonal
        tril[:, 1, 0] = by_part["scale_tril"][:, 1, 0] / _SCALE
        return {**own, "guide_loc": by_part["loc"], "guide_tril": tril}

    def expected(self, objective: Objective) -> Expected | None:
        """Not of ranks, which take a log weight that is quadratic."""
        if objective.estimates is not None and objective.estimates.rule == "tail-adaptive":
            return None
        found = super().expected(objective)
        if found is None:
            return None
        gradient = dict(found.gradient)
        if "guide_tril" in gradient:
            gradient["guide_tril"] = np.tril(gradient["guide_tril"])
        return Expected(gradient, found.bias)


_INITIAL = {"pyro": "pyro.infer.autoguide", "numpyro": "numpyro.infer.initialization"}
_VALUES = {
    "mean": 0.3,
    "rate": 0.6,
    "guide_loc": [0.5, -0.3],
    "guide_tril": [[_SCALE, 0.0], [0.0, _SCALE]],
}
PACKED = PackedGuide(Packed("packed autoguide", rounded(_VALUES), (), (), order=30), 1)
