"""A flow as likelihood: y ~ N(W z1 + m, .),  x = exp(a + e^s y), entry by entry.

The latents are those of the reparameterised case, and the guide reads log x. In log x the model is
that case again, with mean a + e^s (W z1 + m); the Jacobian -log x has no parameters.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.estimators.certificate.cases import CASES, Case, rounded
from inference.estimators.certificate.libraries import frameworks, parameters, sample
from inference.estimators.certificate.programs.program import OfCase
from inference.estimators.certificate.sites import Site

_BASE = CASES["reparameterised"]


class InLogarithms(Case):
    """The case of log x, at logarithms of numbers that float32 represents."""

    def data(self, rows: int) -> NDArray[np.float64]:
        """log x, (rows, 2)."""
        return np.log(np.exp(super().data(rows)).astype(np.float32).astype(np.float64))


def _mean_and_scale(v: Mapping[str, Any], z: Mapping[str, Any]) -> Any:
    loc, log_scale = _BASE.model[-1].parameters(v, z)
    return v["shift"] + np.exp(v["stretch"]) * loc, log_scale + v["stretch"]


def _case() -> Case:
    own = {f.name: getattr(_BASE, f.name) for f in dataclasses.fields(Case)}
    values = _BASE.values | rounded({"shift": [0.3, -0.2], "stretch": [-0.15, 0.1]})
    x = Site("x", "normal", 2, _mean_and_scale)
    changed = {"name": "flow likelihood", "values": values, "model": (*_BASE.model[:-1], x)}
    return InLogarithms(**{**own, **changed})


@dataclass(frozen=True, eq=False)
class FlowLikelihood(OfCase):
    """The case with x a transformed distribution of the library's."""

    @property
    def batch(self) -> tuple[NDArray[Any], ...]:
        """x itself."""
        return (np.exp(self.data).astype(np.float32),)

    def pair(self, engine: str) -> Any:
        """A learnable affine transform and an exponential one of a Gaussian."""
        library, arrays = frameworks(engine)
        dist = library.distributions
        values = self.values

        def model(x: Any) -> None:
            v = parameters(engine, values, set(values) - self.guide_names)
            stretch = dist.transforms.AffineTransform(v["shift"], arrays.exp(v["stretch"]))
            parts = [stretch, dist.transforms.ExpTransform()]
            with library.plate("data", len(x)):
                z = sample(engine, _BASE.model[:-1], v, {})
                mean, log_scale = _BASE.model[-1].parameters(v, z)
                base = dist.Normal(mean, arrays.exp(log_scale))
                law = dist.TransformedDistribution(base, parts).to_event(1)
                library.sample("x", law, obs=x)

        def guide(x: Any) -> None:
            v = parameters(engine, values, self.guide_names)
            with library.plate("data", len(x)):
                sample(engine, _BASE.guide, v, {"x": arrays.log(x)})

        return SimpleNamespace(engine=engine, model=model, guide=guide)


FLOW = FlowLikelihood(_case(), 12)
