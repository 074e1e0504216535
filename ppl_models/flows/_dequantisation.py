"""Grey levels as cells of a continuous image, and noise within them; Pyro (torch)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.distributions import constraints

from ppl_models.flows._density import FlowDistribution, FlowNetwork
from ppl_models.flows._plan import UNIFORM_SCALE, Plan
from ppl_models.flows._steps import Mapped, Rescaling, steps_of
from ppl_models.networks.observations.likelihoods import GreyLevels

ROUNDING = 1e-3  # of a cell: what single precision may lose of a value within it


class Quantised(dist.TorchDistribution):
    """The grey levels x = k / (levels - 1) of an image v, k = floor(levels v) kept in range.

    Its log-probability is 0 where x is the level of v, and -inf elsewhere.

    Args:
        v: shape (..., D).
        levels: how many there are.
    """

    arg_constraints: Any = {}  # noqa: RUF012
    has_rsample = False
    point = True  # all its mass lies at one value

    def __init__(self, v: Tensor, levels: int) -> None:
        self.v, self.levels = v, levels
        super().__init__(v.shape[:-1], v.shape[-1:], validate_args=False)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The grey levels."""
        return constraints.independent(GreyLevels(self.levels), 1)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Quantised:
        """The distribution of an image that is expanded."""
        return Quantised(self.v.expand(*batch_shape, self.v.shape[-1]), self.levels)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """The levels."""
        return self.mean.detach().expand(*sample_shape, *self.v.shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """0 or -inf, of the leading shape."""
        k = (value * (self.levels - 1)).round()
        inner = (self.levels * self.v).clamp(0.5, self.levels - 0.5)
        right = ((inner - k - 0.5).abs() <= 0.5 + ROUNDING).all(-1)
        return torch.where(right, 0.0, -math.inf).to(self.v)

    @property
    def mean(self) -> Tensor:
        """The levels, with the gradient of v."""
        k = (self.levels * self.v).floor().clamp(0, self.levels - 1)
        return self.v + (k / (self.levels - 1) - self.v).detach()


class Cell:
    """A network of noise as one of images in given cells: v = (k + sigmoid(r)) / levels.

    Args:
        network: between u and r.
        x: the grey levels k / (levels - 1), shape (N, D).
        levels: how many there are.
    """

    base = None

    def __init__(self, network: FlowNetwork, x: Tensor, levels: int) -> None:
        self.network, self.levels = network, levels
        self.k = (x * (levels - 1)).round()
        self.noise, self.log_base = network.noise, network.log_base

    def to_noise(self, v: Tensor, context: Tensor | None) -> Mapped:
        """u, and log |du/dv|."""
        r = (self.levels * v - self.k).clamp(1e-6, 1 - 1e-6).logit()
        u, log_volume = self.network.to_noise(r, context)
        return u, log_volume - self._log_slope(r)

    def to_data(self, u: Tensor, context: Tensor | None) -> Mapped:
        """v, and log |dv/du|."""
        r, log_volume = self.network.to_data(u, context)
        return (self.k + r.sigmoid()) / self.levels, log_volume + self._log_slope(r)

    def _log_slope(self, r: Tensor) -> Tensor:
        log_slope = nn.functional.logsigmoid(r) + nn.functional.logsigmoid(-r)
        return (log_slope - math.log(self.levels)).sum(-1)


def noise_network(plan: Plan, generator: torch.Generator) -> FlowNetwork:
    """A flow whose sigmoid starts as nearly uniform."""
    steps = list(steps_of(plan, generator))
    with torch.no_grad():
        for step in steps:
            if isinstance(step, Rescaling):
                step.log_scale.fill_(math.log(UNIFORM_SCALE))
    return FlowNetwork(steps)


class Cells(dist.Uniform):  # pyright: ignore[reportGeneralTypeIssues, reportUntypedBaseClass]
    """Uniform, with its upper edge in it: rounding takes one draw of some millions there."""

    def log_prob(self, value: Tensor) -> Tensor:
        """-log(high - low), or -inf outside."""
        width = self.high - self.low
        inside = (value >= self.low - ROUNDING * width) & (value <= self.high + ROUNDING * width)
        return torch.where(inside, -width.log(), -math.inf)


def uniform(x: Tensor, levels: int) -> dist.TorchDistribution:
    """An image that is anywhere in the cells of its levels."""
    k = (x * (levels - 1)).round()
    return Cells(k / levels, (k + 1) / levels, validate_args=False).to_event(1)


def proposal(network: FlowNetwork, x: Tensor, y: Tensor | None, levels: int) -> FlowDistribution:
    """An image in the cells of its levels, by a flow that is given them, and the condition."""
    seen = 2 * x - 1
    context = seen if y is None else torch.cat([seen, y], -1)
    within: Any = Cell(network, x, levels)
    support = constraints.independent(
        constraints.interval(within.k / levels, (within.k + 1) / levels), 1
    )
    return FlowDistribution(within, context, x.shape[:-1], x.shape[-1], like=x, support=support)
