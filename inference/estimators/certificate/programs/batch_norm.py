"""Batch normalisation inside a guide, in training mode.

    h_n = x_n A,  h'_n = (h_n - mean h) / sqrt(var h + eps) over the batch,
    z_n ~ N(h'_n V + d, .);   z_n ~ N(0, 1),  x_n ~ N(W z_n + m, .)

The layer has no parameters; A, V and d are the guide's. The gradient goes through the statistics
of the batch, so that every row has a part in those of the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from inference.estimators.certificate.cases import Case, rounded
from inference.estimators.certificate.expectations import Expected
from inference.estimators.certificate.libraries import frameworks, parameters, sample
from inference.estimators.certificate.programs.program import OfCase
from inference.estimators.certificate.sites import Array, Site
from inference.objectives import Objective

EPSILON = 1e-5  # of both libraries' layers
_HIDDEN = 2


def normalised(h: Array) -> Array:
    """A batch, (N, ..., H), less its mean and over its standard deviation."""
    return (h - h.mean(0)) / np.sqrt(h.var(0) + EPSILON)


def _proposal(v: Mapping[str, Any], z: Mapping[str, Any]) -> Any:
    layer = v.get("norm", normalised)
    mean = layer(z["x"] @ v["guide_first"].T) @ v["guide_weight"].T + v["guide_bias"]
    return mean, v["guide_scale"]


def _case() -> Case:
    values = {
        "weight": [1.0, -0.6],
        "bias": [0.2, -0.4],
        "scale": -0.22,
        "guide_first": [[0.7, -0.4], [0.3, 0.9]],
        "guide_weight": [[0.5, -0.3]],
        "guide_bias": [0.1],
        "guide_scale": -0.3,
    }
    model = (
        Site("z", "normal", 1, lambda v, z: (0.0, 0.0)),
        Site("x", "normal", 2, lambda v, z: (z["z"] * v["weight"] + v["bias"], v["scale"])),
    )
    guide = (Site("z", "normal", 1, _proposal),)
    return Case("batch norm", rounded(values), model, guide, order=40)


def layer_of(engine: str) -> Any:
    """A fresh layer of torch's or of flax's NNX, without parameters."""
    if engine == "pyro":
        from torch import nn

        return nn.BatchNorm1d(_HIDDEN, affine=False, eps=EPSILON)
    from flax import nnx

    return nnx.BatchNorm(
        _HIDDEN, use_bias=False, use_scale=False, epsilon=EPSILON, rngs=nnx.Rngs(0)
    )


@dataclass(frozen=True, eq=False)
class BatchNorm(OfCase):
    """The case with the library's own layer."""

    def pair(self, engine: str) -> Any:
        """The layer announced to the library, the rest parameter statements."""
        library, _ = frameworks(engine)
        layer, values, case = layer_of(engine), self.values, self.case

        def announced() -> Any:
            if engine == "pyro":
                return library.module("norm", layer)
            from numpyro.contrib.module import nnx_module

            return nnx_module("norm", layer)

        def model(x: Any) -> None:
            own = parameters(engine, values, set(values) - self.guide_names)
            with library.plate("data", len(x)):
                sample(engine, case.model, own, {}, observed={"x": x})

        def guide(x: Any) -> None:
            own = parameters(engine, values, self.guide_names)
            norm = announced()
            with library.plate("data", len(x)):
                sample(engine, case.guide, {**own, "norm": norm}, {"x": x})

        return SimpleNamespace(engine=engine, model=model, guide=guide)

    def expected(self, objective: Objective) -> Expected | None:
        """Not of dreams, whose batch is a draw; nor of ranks, which take two Gaussians."""
        rule = "" if objective.estimates is None else objective.estimates.rule
        unstated = rule in ("sleep", "wake and sleep", "tail-adaptive")
        return None if unstated else super().expected(objective)


BATCH_NORM = BatchNorm(_case(), 12)
