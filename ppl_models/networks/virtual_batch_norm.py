"""Virtual batch normalisation (Salimans et al. 2016, arXiv:1606.03498), for Pyro pairs (torch)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ppl_models.networks.batch_norm import EPSILON


class VirtualBatchNorm(nn.Module):
    """Each channel normalised by a reference batch and the example itself, scaled and shifted.

    With R reference examples, the mean m and mean square q of the channel over them and their
    pixels, and those of the example over its own pixels, m_x and q_x:

        m' = (R m + m_x) / (R + 1),   q' = (R q + q_x) / (R + 1)
        y = scale (x - m') / sqrt(q' - m'^2 + epsilon) + bias

    so that what becomes of an example depends on no other of its batch.

    Args:
        size: number of channels.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(size))
        self.bias = nn.Parameter(torch.zeros(size))

    def forward(self, x: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
        """Normalise images (N, C, H, W), and the reference batch (R, C, H, W) by itself."""
        mean, square = reference.mean((0, 2, 3)), reference.square().mean((0, 2, 3))
        count = len(reference)
        own_mean = (count * mean + x.mean((2, 3))) / (count + 1)
        own_square = (count * square + x.square().mean((2, 3))) / (count + 1)
        return self._normalised(x, own_mean, own_square), self._normalised(reference, mean, square)

    def _normalised(self, x: Tensor, mean: Tensor, square: Tensor) -> Tensor:
        slope = self.scale * (square - mean.square() + EPSILON).rsqrt()
        shift = self.bias - mean * slope
        return x * slope[..., None, None] + shift[..., None, None]
