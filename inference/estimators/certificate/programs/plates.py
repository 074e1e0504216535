"""Groups and units: Bernoulli latents at both levels, in nested plates.

    b_j ~ B(prior),  u_jm ~ B(t b_j + c_m),  x_jm ~ N(w u_jm + v b_j + e_m, .)
    guide: b_j ~ B(V x_j + d),  u_jm ~ B(a x_jm + r b_j + f_m)

A group is one datum: read as a case, u_j and x_j are vectors. The units may stand under a scale of
their own, within a datum.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from inference.estimators.certificate.cases import Case, rounded
from inference.estimators.certificate.libraries import frameworks, parameters
from inference.estimators.certificate.programs.program import OfCase
from inference.estimators.certificate.programs.scales import UnderWeights, Weighted
from inference.estimators.certificate.sites import Site

_UNITS = 3


def _case() -> Case:
    values = rounded(
        {
            "prior": [0.4],
            "top_weight": [0.9],
            "top_bias": [-0.3, 0.2, 0.5],
            "weight": [1.4],
            "skip": [-0.7],
            "bias": [0.2, -0.1, 0.3],
            "scale": -0.2,
            "guide_weight": [[0.5, -0.3, 0.4]],
            "guide_bias": [-0.2],
            "guide_unit_weight": [0.8],
            "guide_unit_skip": [0.4],
            "guide_unit_bias": [-0.3, 0.1, -0.6],
        }
    )
    model = (
        Site("b", "bernoulli", 1, lambda v, z: v["prior"]),
        Site("u", "bernoulli", _UNITS, lambda v, z: z["b"] * v["top_weight"] + v["top_bias"]),
        Site(
            "x",
            "normal",
            _UNITS,
            lambda v, z: (z["u"] * v["weight"] + z["b"] * v["skip"] + v["bias"], v["scale"]),
        ),
    )
    guide = (
        Site("b", "bernoulli", 1, lambda v, z: z["x"] @ v["guide_weight"].T + v["guide_bias"]),
        Site(
            "u",
            "bernoulli",
            _UNITS,
            lambda v, z: (
                z["x"] * v["guide_unit_weight"]
                + z["b"] * v["guide_unit_skip"]
                + v["guide_unit_bias"]
            ),
        ),
    )
    return Case("nested plates", values, model, guide, dream_order=12)


@dataclass(frozen=True, eq=False)
class Nested(OfCase):
    """The case with its vectors laid out over a plate.

    Attributes:
        units: the scale of the units.
    """

    units: float = 1.0

    def pair(self, engine: str) -> Any:
        """Groups in dimension -2, units in -1."""
        library, arrays = frameworks(engine)
        dist = library.distributions
        handlers = library.poutine if engine == "pyro" else library.handlers
        values = self.values

        def scaled() -> AbstractContextManager[Any]:
            return nullcontext() if self.units == 1 else handlers.scale(scale=self.units)

        def model(x: Any) -> None:
            v = parameters(engine, values, set(values) - self.guide_names)
            with library.plate("groups", len(x), dim=-2):
                b = library.sample("b", dist.Bernoulli(logits=v["prior"]))
                with library.plate("units", _UNITS, dim=-1), scaled():
                    logits = b * v["top_weight"] + v["top_bias"]
                    u = library.sample("u", dist.Bernoulli(logits=logits))
                    mean = u * v["weight"] + b * v["skip"] + v["bias"]
                    library.sample("x", dist.Normal(mean, arrays.exp(v["scale"])), obs=x)

        def guide(x: Any) -> None:
            v = parameters(engine, values, self.guide_names)
            with library.plate("groups", len(x), dim=-2):
                logits = x @ v["guide_weight"].T + v["guide_bias"]
                b = library.sample("b", dist.Bernoulli(logits=logits))
                with library.plate("units", _UNITS, dim=-1), scaled():
                    logits = x * v["guide_unit_weight"] + b * v["guide_unit_skip"]
                    library.sample("u", dist.Bernoulli(logits=logits + v["guide_unit_bias"]))

        return SimpleNamespace(engine=engine, model=model, guide=guide)


@dataclass(frozen=True, eq=False)
class NestedUnderScale(UnderWeights, Nested):
    """The same with a scale on the units."""


def _scaled(units: float) -> NestedUnderScale:
    case = _case()
    weighted = Weighted(
        **{**vars(case), "name": "nested plates, scale within"},
        scales={"u": units, "x": units},
    )
    return NestedUnderScale(weighted, 12, units=units)


NESTED = (Nested(_case(), 12), _scaled(2.5))
