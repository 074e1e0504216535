"""Steps of natural gradient that a guide takes for each datum, after its network (torch)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def refined(
    output: Tensor, log_p: Callable[[Tensor], Tensor], points: Tensor, steps: int, rate: float
) -> Tensor:
    """(m, s) after `steps` of natural gradient on the ELBO of Normal(m, exp(s)), from `output`.

        L(m, s) = mean_j log p(x | m + exp(s) point_j) - KL(Normal(m, exp(s)) || Normal(0, I))
        exp(2 s) <- exp(2 s) / (1 - rate dL/ds),    m <- m + rate exp(2 s) dL/dm

    whose rate has no scale of the data's (Khan & Lin 2017, arXiv:1703.04265): with rate 1 and a
    quadratic log p the variances are found in one step. 1 - rate dL/ds is kept above 0.1, where
    log p bends upwards. The expectation is a mean over fixed points, exact where log p(x | z) is
    quadratic in z. Gradients go through the steps: to `output`, and to what log p is made of.

    Args:
        output: (m, s) side by side, (..., 2 D).
        log_p: from z, (S, ..., D), to log p(x | z), (S, ...).
        points: (S, D), of mean 0 and covariance I.
        steps: how many.
        rate: of a step, at most 1.
    """
    at, places = output, points.reshape(-1, *(1,) * (output.dim() - 1), points.shape[-1])
    learns = torch.is_grad_enabled()
    with torch.enable_grad():
        for _ in range(steps):
            at = at if at.requires_grad else at.detach().requires_grad_()
            mean, log_scale = at.chunk(2, dim=-1)
            scale = log_scale.exp()
            of_z = (log_scale - 0.5 * (mean**2 + scale**2)).sum(-1)
            bound = log_p(mean + scale * places).mean(0) + of_z
            (slope,) = torch.autograd.grad(bound.sum(), at, create_graph=learns)
            uphill, wider = slope.chunk(2, dim=-1)
            log_scale = log_scale - 0.5 * (1 - rate * wider).clamp(min=0.1).log()
            at = torch.cat([mean + rate * (2 * log_scale).exp() * uphill, log_scale], -1)
            at = at if learns else at.detach()
    return at
