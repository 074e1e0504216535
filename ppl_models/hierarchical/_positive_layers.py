"""Layers of positive latents: what the model draws, and what the guide proposes (Pyro)."""

from __future__ import annotations

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.nn.functional import softplus

from ppl_models.hierarchical._positive_start import FLOOR, SMALLEST_SHAPE


def product(z: Tensor, weights: Tensor) -> Tensor:
    """z weights + FLOOR, (..., N, V), of (..., N, K) and (..., K, V)."""
    return (z[..., None, :] @ weights)[..., 0, :] + FLOOR


def layer(kind: str, mean: Tensor, parameter: float) -> dist.TorchDistribution:
    """Gamma of that mean and shape, or log-normal of that median and scale; event (K,)."""
    if kind == "gamma":
        return dist.Gamma(torch.full_like(mean, parameter), parameter / mean).to_event(1)
    return dist.LogNormal(mean.log(), torch.full_like(mean, parameter)).to_event(1)


def proposal(kind: str, level: Tensor, width: Tensor) -> dist.TorchDistribution:
    """A positive law about exp(level), of relative width s = log(1 + exp(width)); no event.

    LogNormal(level, s), or the Gamma of mean exp(level) and of shape s^-2 + SMALLEST_SHAPE, below
    which draws round to zero. Draws of either are reparameterised, those of a Gamma implicitly
    (Figurnov, Mohamed & Mnih 2018, arXiv:1805.08498).
    """
    scale = softplus(width)
    if kind == "gamma":
        shape = SMALLEST_SHAPE + scale**-2
        return dist.Gamma(shape, shape * (-level).exp())
    return dist.LogNormal(level, scale)
