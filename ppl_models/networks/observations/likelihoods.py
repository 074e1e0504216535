"""What a decoder's output says about x, for Pyro pairs (torch)."""

from __future__ import annotations

import math
from typing import Any

import pyro.distributions as dist
import torch
from torch import Size, Tensor, nn
from torch.distributions import constraints
from torch.nn import functional

from ppl_models.networks.arguments import NETWORK_VARIANCE, check_likelihood

_ONE = Size()


class Likelihood(nn.Module):
    """The distribution of x, event shape (data_dim,), given the decoder's output.

        bernoulli:             Bernoulli(logits = output)
        gaussian:              Normal(output, noise_scale)
        learned-variance:      Normal(output, s), s = exp(log_scale)
        discretised-logistic:  the grey level nearest to Logistic(output, s), s = exp(log_scale)
        network-variance:      Normal(m, noise_scale + softplus(s)), (m, s) = output

    A learnt scale is one number per column, shared by all data. One that the decoder chooses for
    each datum makes the likelihood unbounded where nothing holds it: `noise_scale` is the smallest.

    Args:
        kind: one of `arguments.LIKELIHOODS`, or `"network-variance"`.
        data_dim: columns of x.
        noise_scale: the scale, where it is learnt its initial value.
        levels: number of grey levels, from 0 to 1.
        network_variance: whether the decoder can give scales, in `outputs` numbers.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        kind: str,
        data_dim: int,
        noise_scale: float,
        levels: int = 256,
        *,
        network_variance: bool = False,
    ) -> None:
        super().__init__()
        check_likelihood(kind, noise_scale, levels, network_variance=network_variance)
        self.outputs = data_dim * (2 if kind == NETWORK_VARIANCE else 1)
        self.kind, self.noise_scale, self.levels = kind, noise_scale, levels
        if kind in ("learned-variance", "discretised-logistic"):
            self.log_scale = nn.Parameter(torch.full((data_dim,), math.log(noise_scale)))

    def forward(self, output: Tensor) -> dist.TorchDistribution:
        """The distribution of x, batch shape (...,), given outputs (..., data_dim)."""
        if self.kind == "bernoulli":
            return dist.Bernoulli(logits=output).to_event(1)
        if self.kind == "gaussian":
            return dist.Normal(output, self.noise_scale).to_event(1)
        if self.kind == "learned-variance":
            return dist.Normal(output, self.log_scale.exp()).to_event(1)
        if self.kind == NETWORK_VARIANCE:
            mean, spread = output.chunk(2, dim=-1)
            return dist.Normal(mean, self.noise_scale + functional.softplus(spread)).to_event(1)
        return DiscretisedLogistic(output, self.log_scale.exp(), self.levels).to_event(1)


class Classes(nn.Module):
    """x is one of data_dim classes, as one-hot, given logits; a row of zeros is not known."""

    kind = "categorical"

    def forward(self, output: Tensor) -> dist.TorchDistribution:
        """The distribution of x, batch shape (...,), given logits (..., data_dim)."""
        return dist.OneHotCategorical(logits=output)

    def observed(
        self, fn: dist.TorchDistribution, x: Tensor
    ) -> tuple[dist.TorchDistribution, Tensor]:
        """The distribution without the rows that are not known, and x with some class in these."""
        known = x.sum(-1) > 0
        first = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)[0]
        return fn.mask(known), torch.where(known[..., None], x, first)


class GreyLevels(constraints.Constraint):
    """The multiples of 1 / (levels - 1) from 0 to 1."""

    is_discrete = True

    def __init__(self, levels: int) -> None:
        self.levels = levels

    def check(self, value: Tensor) -> Tensor:
        """Whether each value is one."""
        level = value * (self.levels - 1)
        whole = (level - level.round()).abs() < 1e-3
        return whole & (level > -0.5) & (level < self.levels - 0.5)


class DiscretisedLogistic(dist.TorchDistribution):
    """The level k / (levels - 1) nearest to a Logistic(loc, scale) draw.

    With F the distribution function of the logistic and h half the distance of two levels,

        P(x) = F(x + h) - F(x - h),   F(0 - h) taken as 0 and F(1 + h) as 1,

    so that the levels' probabilities sum to 1 (Salimans et al. 2017, arXiv:1701.05517).

    Args:
        loc: location, on the scale of x.
        scale: positive, shape broadcastable to that of loc.
        levels: how many levels there are between 0 and 1, both included.
    """

    arg_constraints: Any = {"loc": constraints.real, "scale": constraints.positive}  # noqa: RUF012
    has_rsample = False

    def __init__(
        self, loc: Tensor, scale: Tensor, levels: int = 256, *, validate_args: bool | None = None
    ) -> None:
        self.loc, self.scale = torch.broadcast_tensors(loc, scale)
        self.levels = levels
        super().__init__(self.loc.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The grey levels."""
        return GreyLevels(self.levels)

    def expand(self, batch_shape: Any, _instance: Any = None) -> DiscretisedLogistic:
        """The distribution with its parameters expanded."""
        shape = torch.Size(batch_shape)
        return DiscretisedLogistic(
            self.loc.expand(shape), self.scale.expand(shape), self.levels, validate_args=False
        )

    def sample(self, sample_shape: Any = _ONE) -> Tensor:
        """Draw levels."""
        with torch.no_grad():
            uniform = torch.rand(self._extended_shape(sample_shape)).to(self.loc)
            # The logit of 0 is -inf, which is the lowest level, as it should be.
            draw = self.loc + self.scale * (uniform.log() - (-uniform).log1p())
            return (draw * (self.levels - 1)).round().clamp(0, self.levels - 1) / (self.levels - 1)

    def log_prob(self, value: Tensor) -> Tensor:
        """log P(x); exact in the tails too, as no two probabilities are subtracted."""
        if self._validate_args:
            self._validate_sample(value)
        half = 0.5 / (self.levels - 1)
        below = functional.logsigmoid((value + half - self.loc) / self.scale)
        above = functional.logsigmoid((self.loc - value + half) / self.scale)
        between = (-torch.expm1(-2 * half / self.scale)).log()
        lowest, highest = value < half, value > 1 - half
        zero = torch.zeros_like(below)
        return (
            torch.where(highest, zero, below)
            + torch.where(lowest, zero, above)
            + torch.where(lowest | highest, zero, between)
        )

    @property
    def mean(self) -> Tensor:
        """The mean of the logistic draw cut off at 0 and 1; within half a level of that of x."""
        upper = functional.softplus(self.loc / self.scale)
        return self.scale * (upper - functional.softplus((self.loc - 1) / self.scale))
