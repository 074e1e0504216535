"""What pairs of a normalising flow share: one site, a condition, grey levels; Pyro."""

from __future__ import annotations

from typing import Any

import pyro
import torch
from pyro.distributions import constraints
from torch import Tensor

from ppl_models._batches import Conditioned
from ppl_models._pyro_pair import PyroPair
from ppl_models.flows._density import FlowDistribution, FlowNetwork
from ppl_models.flows._dequantisation import Quantised, noise_network, proposal, uniform
from ppl_models.flows._plan import (
    DEQUANTISATIONS,
    PREPROCESS,
    Plan,
    check_margin,
    noise_plan,
)
from ppl_models.flows._steps import Logit
from ppl_models.networks.arguments import check_choice, check_grey_levels, check_size
from ppl_models.networks.observations.condition import OptionalCondition
from ppl_models.networks.observations.labels import condition_input


class FlowPair(Conditioned, PyroPair):
    """A pair whose x, or the image v behind grey levels x, is a flow of noise.

    A pair of this base makes `flow`, with the steps of `_before` next to the data, and `data_dim`,
    and calls `_dequantise`.

    Args:
        classes: number of classes, where y is one whole number for each row.
        condition_dim: columns of y, where y is a vector. Without both the pair takes x alone.

    Raises:
        ValueError: if an argument is out of range.
    """

    flow: FlowNetwork

    def __init__(self, classes: int | None, condition_dim: int | None) -> None:
        super().__init__()
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
        self, dequantisation: str, levels: int, length: int, plan: Plan, random: torch.Generator
    ) -> None:
        """Have grey levels for data, and a guide's flow of the noise within them."""
        self.dequantisation = check_choice("dequantisation", dequantisation, DEQUANTISATIONS)
        self.levels = check_grey_levels(levels)
        own = noise_plan(plan, check_size("noise_length", length), self.condition.width)
        if dequantisation == "variational":
            self.noise = noise_network(own, random)

    def model(
        self, x: Tensor | None = None, y: Tensor | None = None, *, size: int | None = None
    ) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows, or one for each y; returns the rows.

        Where the pair has a condition, `size` need not be given.
        """
        rows = self.condition.rows(x, y, size)
        self.register("flow")
        with pyro.plate("data", rows):
            law = self._law(rows, y)
            if self.dequantisation != "none":
                levels = Quantised(pyro.sample("v", law), self.levels)
                pyro.sample("x", levels, obs=x)
                return levels.mean
            if x is not None:
                law.look_at(x)
            return pyro.sample("x", law, obs=x)

    def guide(self, x: Tensor, y: Tensor | None = None) -> None:
        """Propose the image v whose grey levels are x; nothing where there is no such latent."""
        rows = self.condition.rows(x, y, None)
        if self.dequantisation == "none":
            return
        law: Any = uniform(x, self.levels)
        if self.dequantisation == "variational":
            self.register("noise")
            context = None if y is None else condition_input(y, self.condition.classes, x)
            law = proposal(self.noise, x, context, self.levels)
        with pyro.plate("data", rows):
            pyro.sample("v", law)

    def _law(self, rows: int, y: Tensor | None) -> FlowDistribution:
        like = next(self.flow.parameters())
        support: Any = constraints.real_vector
        if self.outside is not None:
            support = constraints.independent(
                constraints.interval(-self.outside, 1 + self.outside), 1
            )
        context = None if y is None else condition_input(y, self.condition.classes, like)
        return FlowDistribution(
            self.flow, context, (rows,), self.data_dim, like=like, support=support
        )
