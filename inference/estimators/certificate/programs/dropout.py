"""Dropout inside a guide and a decoder, in training mode.

    h_n = dropout(x_n A),       z_n ~ N(h_n V + d, .);
    z_n ~ N(0, 1),  g_n = dropout(z_n u),  x_n ~ N(g_n W + m, .)

A unit is set to zero with the probability 1/4, and divided by 3/4 otherwise: sixteen masks. A
bound's expectation is its mean over them, each with its probability. For the ELBO that is the same
however masks are shared, for several particles it is not:

- On NumPyro `nnx.Dropout` holds its random stream in the network's state, which moves on from step
  to step. A step has one mask for each row, and all K particles of the row share it: the bound is
  the mean over masks of the bound given a mask. (`flax_module` with `numpyro.prng_key()` gives each
  particle its own.)
- On Pyro `nn.Dropout` draws when it is called. The engine sees that one pass for all particles is
  not what they are alone, and runs them one by one, so that each row of each particle has its own:
  masks are latents that model and guide share, and cancel in the weights.

Entries of a mask are independent from row to row on both.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.estimators.certificate.cases import Case, rounded
from inference.estimators.certificate.expected import Expected, expected, with_bias
from inference.estimators.certificate.libraries import frameworks, parameters, sample
from inference.estimators.certificate.programs.program import OfCase
from inference.estimators.certificate.quadrature import flatten, walk
from inference.estimators.certificate.sites import Array, Arrays, Site
from inference.objectives import Objective

RATE = 0.25  # of units that are set to zero
_UNITS = 2  # of the guide, and of the decoder
_MASKS = tuple(np.array(bits) for bits in itertools.product([0.0, 1.0], repeat=2 * _UNITS))


def probability(mask: Array) -> float:
    """Of the units that a mask keeps and drops."""
    return float(np.prod(np.where(mask == 1, 1 - RATE, RATE)))


def _dropped(v: Mapping[str, Any], z: Mapping[str, Any], units: Any, part: slice) -> Any:
    """The units after the library's own layer, or under the mask that is known."""
    return v["layer"](units) if "layer" in v else units * z["mask"][..., part] / (1 - RATE)


def _proposal(v: Mapping[str, Any], z: Mapping[str, Any]) -> Any:
    units = _dropped(v, z, z["x"] @ v["guide_first"].T, slice(_UNITS))
    return units @ v["guide_weight"].T + v["guide_bias"], v["guide_scale"]


def _likelihood(v: Mapping[str, Any], z: Mapping[str, Any]) -> Any:
    units = _dropped(v, z, z["z"] * v["first"], slice(_UNITS, None))
    return units @ v["weight"].T + v["bias"], v["scale"]


@dataclass(frozen=True, eq=False)
class UnderMasks(Case):
    """The case whose particles each draw one of some masks, a latent of which log w has no term.

    Attributes:
        masks: those that there are.
    """

    masks: tuple[Array, ...] = _MASKS

    def nodes(self, values: Arrays, x: NDArray[Any]) -> tuple[NDArray[np.float64], Arrays]:
        """Of each mask the nodes given it, (N, J), and masks (1, J, 4)."""
        each = []
        for mask in self.masks:
            log_mass, known = walk(self.guide, values, {"x": x, "mask": mask}, self.order)
            each.append(flatten(self.guide, log_mass, known, keep=1))
        log_mass = np.concatenate([m + w for (m, _), w in zip(each, self._logs(), strict=True)])
        z = np.concatenate([latents["z"] for _, latents in each])
        masks = np.repeat(np.stack(self.masks), len(z) // len(self.masks), axis=0)
        return log_mass.T, {"z": np.moveaxis(z, 0, 1), "mask": masks[None]}

    def dreams(self, values: Arrays) -> tuple[NDArray[np.float64], NDArray[np.float64], Arrays]:
        """Of each mask the nodes given it: log masses (J,), x (J, D), and z and masks."""
        each = []
        for mask in self.masks:
            log_mass, known = walk(self.model, values, {"mask": mask}, self.dream_order)
            each.append(flatten(self.model, log_mass, known, keep=0))
        log_mass = np.concatenate([m + w for (m, _), w in zip(each, self._logs(), strict=True)])
        x, z = (np.concatenate([latents[name] for _, latents in each]) for name in ("x", "z"))
        masks = np.repeat(np.stack(self.masks), len(z) // len(self.masks), axis=0)
        return log_mass, x, {"z": z, "mask": masks}

    def given(self, mask: Array) -> UnderMasks:
        """The case under this mask alone."""
        return dataclasses.replace(self, masks=(mask,))

    def _logs(self) -> Array:
        weights = np.array([probability(mask) for mask in self.masks])
        return np.log(weights / weights.sum())


def _case() -> UnderMasks:
    values = {
        "first": [0.8, -0.5],
        "weight": [[0.9, 0.4], [-0.5, 0.7]],
        "bias": [0.2, -0.4],
        "scale": -0.1,
        "guide_first": [[0.7, -0.4], [0.3, 0.9]],
        "guide_weight": [[0.5, -0.3]],
        "guide_bias": [0.1],
        "guide_scale": -0.1,
    }
    model = (
        Site("z", "normal", 1, lambda v, z: (0.0, 0.0)),
        Site("x", "normal", 2, _likelihood),
    )
    guide = (Site("z", "normal", 1, _proposal),)
    return UnderMasks("dropout", rounded(values), model, guide, order=40, dream_order=4)


def layer_of(engine: str, seed: int) -> Any:
    """A fresh layer of torch's or of flax's NNX."""
    if engine == "pyro":
        from torch import nn

        return nn.Dropout(RATE)
    from flax import nnx

    return nnx.Dropout(RATE, rngs=nnx.Rngs(seed))


@dataclass(frozen=True, eq=False)
class Dropout(OfCase):
    """The case with the library's own layers.

    Attributes:
        case: the case, whose particles draw masks of their own.
        shared: whether the particles of a row have one mask.
    """

    case: UnderMasks
    shared: bool = False

    def on(self, engine: str) -> Dropout:
        """With masks as the engine shares them."""
        return SHARED if engine == "numpyro" else DROPOUT

    def pair(self, engine: str) -> Any:
        """The layers announced to the library, the rest parameter statements."""
        library, _ = frameworks(engine)
        layers = {name: layer_of(engine, n) for n, name in enumerate(("decoder", "encoder"))}
        values, case = self.values, self.case

        def own(names: Any, layer: str) -> dict[str, Any]:
            found = parameters(engine, values, names)
            if engine == "pyro":
                return {**found, "layer": library.module(layer, layers[layer])}
            from numpyro.contrib.module import nnx_module

            return {**found, "layer": nnx_module(layer, layers[layer])}

        def model(x: Any) -> None:
            known = own(set(values) - self.guide_names, "decoder")
            with library.plate("data", len(x)):
                sample(engine, case.model, known, {}, observed={"x": x})

        def guide(x: Any) -> None:
            known = own(self.guide_names, "encoder")
            with library.plate("data", len(x)):
                sample(engine, case.guide, known, {"x": x})

        return SimpleNamespace(engine=engine, model=model, guide=guide)

    def expected(self, objective: Objective) -> Expected | None:
        """The mean over masks; not of ranks, which take two Gaussians."""
        if objective.estimates is not None and objective.estimates.rule == "tail-adaptive":
            return None
        if not self.shared:
            return super().expected(objective)
        mean: Arrays = {}
        for mask in _MASKS:
            found = expected(objective, self.case.given(mask), self.data)
            if found is None:
                return None
            for name, slope in found.gradient.items():
                mean[name] = mean.get(name, 0.0) + probability(mask) * slope
        biased = found.bias is not None
        return with_bias(self.case, self.data, mean) if biased else Expected(mean)


DROPOUT = Dropout(_case(), 12)
SHARED = dataclasses.replace(DROPOUT, shared=True)
