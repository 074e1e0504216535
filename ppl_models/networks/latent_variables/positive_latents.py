"""Positive latents of a datum: what the model draws, and what the guide proposes (Pyro)."""

from __future__ import annotations

import pyro.distributions as dist
from torch import Tensor


class LogNormalLatent:
    """z ~ LogNormal(0, I), proposed by LogNormal(m, exp(s)).

    Attributes:
        site: its name in the programs.
        inputs: how many numbers a decoder is given, D.
        outputs: how many numbers an encoder gives: m, s.
    """

    site = "z"

    def __init__(self, dim: int) -> None:
        self.inputs, self.outputs = dim, 2 * dim

    def prior(self, like: Tensor) -> dist.TorchDistribution:
        """p(z), event (D,), on the device of `like`."""
        return dist.LogNormal(like.new_zeros(self.inputs), 1.0).to_event(1)

    def proposal(self, output: Tensor) -> dist.TorchDistribution:
        """q(z) from what an encoder gives, shape (..., outputs)."""
        mean, log_scale = output.chunk(2, dim=-1)
        return dist.LogNormal(mean, log_scale.exp()).to_event(1)

    def vector(self, value: Tensor) -> Tensor:
        """The value as a decoder sees it, shape (..., D)."""
        return value


class ExponentialLatent:
    """z ~ Exponential(1), proposed by Exponential(exp(r)); sparse, as most are near zero.

    Attributes:
        site: its name in the programs.
        inputs: how many numbers a decoder is given, D.
        outputs: how many numbers an encoder gives: r, the logarithms of the rates.
    """

    site = "z"

    def __init__(self, dim: int) -> None:
        self.inputs = self.outputs = dim

    def prior(self, like: Tensor) -> dist.TorchDistribution:
        """p(z), event (D,), on the device of `like`."""
        return dist.Exponential(like.new_ones(self.inputs)).to_event(1)

    def proposal(self, output: Tensor) -> dist.TorchDistribution:
        """q(z) from what an encoder gives, shape (..., outputs)."""
        return dist.Exponential(output.exp()).to_event(1)

    def vector(self, value: Tensor) -> Tensor:
        """The value as a decoder sees it, shape (..., D)."""
        return value
