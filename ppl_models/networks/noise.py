"""The noise that a generator starts from, and what a guide proposes for it (torch)."""

from __future__ import annotations

import pyro.distributions as dist
import torch
from torch import Tensor

PRIORS = ("normal", "uniform")
EDGE = 1 - 1e-6  # of (-1, 1); in single precision a tanh would reach 1, which has no inverse


class ToInterval(dist.transforms.TanhTransform):
    """z = tanh(u), kept within [-EDGE, EDGE] so that any draw has a density."""

    def _call(self, x: Tensor) -> Tensor:
        return x.tanh().clamp(-EDGE, EDGE)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.clamp(-EDGE, EDGE).atanh()


def prior(kind: str, like: Tensor) -> dist.TorchDistribution:
    """p(z), event shape (latent_dim,), on the device of `like`, shape (latent_dim,)."""
    zero = torch.zeros_like(like)
    if kind == "normal":
        return dist.Normal(zero, 1.0).to_event(1)
    return dist.Uniform(zero - 1, zero + 1).to_event(1)


def proposal(kind: str, output: Tensor) -> dist.TorchDistribution:
    """q(z) from the guide's output (m, s), shape (..., 2 * latent_dim).

    Normal(m, exp(s)), or the tanh of such a draw where the prior is uniform on (-1, 1).
    """
    mean, log_scale = output.chunk(2, dim=-1)
    base = dist.Normal(mean, log_scale.exp()).to_event(1)
    if kind == "normal":
        return base
    # The cache remembers u, so that a draw at the edge is scored where it came from.
    return dist.TransformedDistribution(base, [ToInterval(cache_size=1)])
