"""The upward pass of a ladder guide, for Pyro pairs (Sonderby et al. 2016)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from ppl_models.networks.mlp import MLP


class Rung(MLP):
    """A fully connected network that also returns the features below its last layer."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Features (..., sizes[-2]) and output (..., sizes[-1])."""
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation(layer(x))
        return x, cast(nn.Linear, last)(x)


def precision_weighted(
    first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Mean and log scale of the normalised product of two Gaussians, entry by entry.

    Args:
        first: mean and log scale.
        second: mean and log scale.
    """
    (mean, log_scale), (other, other_log_scale) = first, second
    weight = torch.sigmoid(2 * (other_log_scale - log_scale))  # the first one's share of precision
    log_precision = torch.logaddexp(-2 * log_scale, -2 * other_log_scale)
    return other + weight * (mean - other), -0.5 * log_precision
