"""Arithmetic of a program on Pyro: noise, gradients and means of tensors, whatever the pair."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from inference.engines.pyro.ops import Ops


class Arithmetic:
    """What a program offers that asks nothing of its pair; see `Program`."""

    ops = Ops

    def input_gradient(self, function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
        """Gradient of the sum of a function's values by its argument; with a gradient itself."""
        with torch.enable_grad():
            # Of what has a gradient itself, the slope has one by that too: second derivatives.
            leaf = at if at.requires_grad else at.detach().requires_grad_()
            (slope,) = torch.autograd.grad(function(leaf).sum(), leaf, create_graph=True)
        return slope

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal noise in the shape of a tensor."""
        return torch.randn_like(like)

    def uniform(self, like: Tensor) -> Tensor:
        """Uniform noise in the shape of a tensor, inside of (0, 1)."""
        return torch.rand_like(like).clamp_min(torch.finfo(like.dtype).tiny)

    def stop(self, value: Tensor) -> Tensor:
        """The value without its gradient."""
        return value.detach()

    def logmeanexp(self, values: Tensor) -> Tensor:
        """log of the mean of exp over the first axis: (K, N) to (N,)."""
        return values[0] if len(values) == 1 else logmeanexp(values)

    def score(self, signal: Tensor, log_q_scored: Tensor | None) -> Tensor:
        """A score-function term: zero in value, signal * grad log q in gradient; (K, N)."""
        if log_q_scored is None:
            return torch.zeros_like(signal)
        return signal.detach() * (log_q_scored - log_q_scored.detach())

    def diagonal(self, values: Tensor) -> Tensor:
        """A (K, K, N) array with (K, N) values on its diagonal and zeros elsewhere."""
        return torch.diag_embed(values.T).permute(1, 2, 0)


def logmeanexp(values: Tensor) -> Tensor:
    """log of the mean of exp over the first axis, -inf and without gradient where all are -inf."""
    possible = values.detach().amax(0) != -math.inf  # true of NaN, which stays one
    total = torch.where(possible, values, 0.0).logsumexp(0)
    return torch.where(possible, total, -math.inf) - math.log(len(values))
