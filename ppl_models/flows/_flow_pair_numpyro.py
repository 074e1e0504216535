"""What pairs of a normalising flow share: one site, a condition, grey levels; NumPyro."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpyro
from flax import nnx
from numpyro.contrib.module import nnx_module
from numpyro.distributions import constraints

from ppl_models._batches import Conditioned
from ppl_models.flows._density_numpyro import FlowDistribution, FlowNetwork
from ppl_models.flows._dequantisation_numpyro import Quantised, noise_network, proposal, uniform
from ppl_models.flows._plan import (
    DEQUANTISATIONS,
    PREPROCESS,
    Plan,
    check_margin,
    noise_plan,
)
from ppl_models.flows._steps_numpyro import Logit
from ppl_models.networks.arguments import check_choice, check_grey_levels, check_size
from ppl_models.networks.observations.condition import OptionalCondition
from ppl_models.networks.observations.labels_numpyro import condition_input


class FlowPair(Conditioned):
    """The base of `_flow_pair.py` on NumPyro."""

    engine = "numpyro"
    flow: FlowNetwork
    mixture: bool

    def __init__(self, classes: int | None, condition_dim: int | None) -> None:
        self.condition = OptionalCondition(classes, condition_dim)
        self.outside: float | None = None

    def _before(self, preprocess: str, margin: float) -> list[Logit]:
        """What comes before the steps of a flow."""
        outside = check_margin(margin)
        if check_choice("preprocess", preprocess, PREPROCESS) == "none":
            return []
        self.outside = outside
        return [Logit(margin)]

    def _dequantise(
        self, dequantisation: str, levels: int, length: int, plan: Plan, random: nnx.Rngs
    ) -> None:
        """Have grey levels for data, and a guide's flow of the noise within them."""
        self.dequantisation = check_choice("dequantisation", dequantisation, DEQUANTISATIONS)
        self.levels = check_grey_levels(levels)
        own = noise_plan(plan, check_size("noise_length", length), self.condition.width)
        if dequantisation == "variational":
            self.noise = noise_network(own, random)

    def model(
        self, x: jax.Array | None = None, y: jax.Array | None = None, *, size: int | None = None
    ) -> jax.Array:
        """Score x, shape (N, data_dim), or draw `size` rows, or one for each y; returns the rows.

        Where the pair has a condition, `size` need not be given.
        """
        rows = self.condition.rows(x, y, size)
        network = nnx_module("flow", self.flow)
        with numpyro.plate("data", rows):
            law = self._law(network, rows, y)
            if self.dequantisation != "none":
                levels = Quantised(jnp.asarray(numpyro.sample("v", law)), self.levels)
                numpyro.sample("x", levels, obs=x)
                return levels.mean
            if x is not None:
                law.look_at(x)
            value = numpyro.sample("x", law, obs=x)
        return jnp.asarray(value)

    def guide(self, x: jax.Array, y: jax.Array | None = None) -> None:
        """Propose the image v whose grey levels are x; nothing where there is no such latent."""
        rows = self.condition.rows(x, y, None)
        if self.dequantisation == "none":
            return
        law: Any = uniform(x, self.levels)
        if self.dequantisation == "variational":
            network = nnx_module("noise", self.noise)
            context = None if y is None else condition_input(y, self.condition.classes)
            law = proposal(network, x, context, self.levels)
        with numpyro.plate("data", rows):
            numpyro.sample("v", law)

    def _law(self, network: Any, rows: int, y: jax.Array | None) -> FlowDistribution:
        support: Any = constraints.real_vector
        if self.outside is not None:
            support = constraints.independent(
                constraints.interval(-self.outside, 1 + self.outside), 1
            )
        return FlowDistribution(
            network,
            None if y is None else condition_input(y, self.condition.classes),
            (rows,),
            self.data_dim,
            reparameterised=not self.mixture,
            support=support,
        )
