"""Steps of natural gradient that a guide takes for each datum, after its network (torch)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from pyro.distributions import TorchDistribution
from torch import Tensor


def refined(
    output: Tensor,
    likelihood: Callable[[Tensor], TorchDistribution],
    x: Tensor,
    points: NDArray[np.float32],
    steps: int,
    rate: float,
) -> Tensor:
    """(m, s) after `steps` of natural gradient on the ELBO of Normal(m, exp(s)), from `output`.

        L(m, s) = mean_j log p(x | m + exp(s) point_j) - KL(Normal(m, exp(s)) || Normal(0, I))
        exp(2 s) <- exp(2 s) / (1 - rate dL/ds),    m <- m + rate exp(2 s) dL/dm

    (semi-amortised, as Kim et al. 2018, arXiv:1802.02550), whose rate has no scale of the data's
    (Khan & Lin 2017, arXiv:1703.04265): with rate 1 and a quadratic log p the variances are found
    in one step. 1 - rate dL/ds is kept above 0.1, where log p bends upwards. The expectation is a
    mean over fixed points, exact where log p(x | z) is quadratic in z. Gradients go through the
    steps, as in the paper: an encoder, from `output`, and a decoder learn for where they end.

    Args:
        output: (m, s) side by side, (..., 2 D).
        likelihood: from z, (S, ..., D), to p(x | z), batch (S, ...).
        x: the data.
        points: (S, D), of mean 0 and covariance I.
        steps: how many.
        rate: of a step, at most 1.
    """
    places = points.reshape(-1, *(1,) * (output.dim() - 1), points.shape[-1])
    at, places = output, torch.as_tensor(places).to(output)
    learns = torch.is_grad_enabled()
    with torch.enable_grad():
        for _ in range(steps):
            at = at if at.requires_grad else at.detach().requires_grad_()
            mean, log_scale = at.chunk(2, dim=-1)
            scale = log_scale.exp()
            of_z = (log_scale - 0.5 * (mean**2 + scale**2)).sum(-1)
            bound = likelihood(mean + scale * places).log_prob(x).mean(0) + of_z
            (slope,) = torch.autograd.grad(bound.sum(), at, create_graph=learns)
            uphill, wider = slope.chunk(2, dim=-1)
            log_scale = log_scale - 0.5 * (1 - rate * wider).clamp(min=0.1).log()
            at = torch.cat([mean + rate * (2 * log_scale).exp() * uphill, log_scale], -1)
            at = at if learns else at.detach()
    return at
