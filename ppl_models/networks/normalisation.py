"""Normalisation of hidden layers by a batch or by a fixed one, for Pyro pairs (torch)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ppl_models.networks.mlp import ACTIVATION_FUNCTIONS, linear

EPSILON = 1e-5
KEPT = 0.9  # of the running averages in each step


class BatchNorm(nn.Module):
    """Each feature with mean 0 and variance 1 over a batch, then scaled and shifted.

    (Ioffe & Szegedy 2015, arXiv:1502.03167.)

        y = scale (x - m) / sqrt(v + epsilon) + bias

    In training mode m and v are the mean and variance over every other dimension, particles
    included, and move the running averages that take their place in evaluation mode.

    Args:
        size: number of features.
        dim: dimension of the features, counted from the right: -1, or -3 of images.
    """

    mean: Tensor
    var: Tensor

    def __init__(self, size: int, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim
        self.scale = nn.Parameter(torch.ones(size))
        self.bias = nn.Parameter(torch.zeros(size))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("var", torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise; the shape stays."""
        mean, var = self.mean, self.var
        if self.training:
            others = [dim for dim in range(x.ndim) if dim != x.ndim + self.dim]
            var, mean = torch.var_mean(x, others, correction=0)
            with torch.no_grad():
                self.mean.lerp_(mean, 1 - KEPT)
                self.var.lerp_(var, 1 - KEPT)
        slope = self.scale * (var + EPSILON).rsqrt()
        shape = (-1, *(1,) * (-self.dim - 1))
        return x * slope.view(shape) + (self.bias - mean * slope).view(shape)


class BatchNormMLP(nn.Module):
    """An MLP with batch normalisation before each activation: (..., sizes[0]) to (..., sizes[-1]).

    Layers before a normalisation have no bias, which it would take away again.
    """

    def __init__(self, sizes: Sequence[int], activation: str, generator: torch.Generator) -> None:
        super().__init__()
        self.activation = ACTIVATION_FUNCTIONS[activation]
        *hidden, last = pairwise(sizes)
        self.layers = nn.ModuleList(linear(*pair, generator, bias=False) for pair in hidden)
        self.layers.append(linear(*last, generator))
        self.norms = nn.ModuleList(BatchNorm(size) for _, size in hidden)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layers to the last dimension."""
        *hidden, last = self.layers
        for layer, norm in zip(hidden, self.norms, strict=True):
            x = self.activation(norm(layer(x)))
        return last(x)

    def set_output_bias(self, bias: NDArray[Any]) -> None:
        """Set the bias of the last layer, shape (sizes[-1],)."""
        with torch.no_grad():
            cast(nn.Linear, self.layers[-1]).bias.copy_(torch.as_tensor(bias))


class VirtualBatchNorm(nn.Module):
    """Each channel normalised by a reference batch and the example itself, scaled and shifted.

    With R reference examples, the mean m and mean square q of the channel over them and their
    pixels, and those of the example over its own pixels, m_x and q_x:

        m' = (R m + m_x) / (R + 1),   q' = (R q + q_x) / (R + 1)
        y = scale (x - m') / sqrt(q' - m'^2 + epsilon) + bias

    so that what becomes of an example depends on no other of its batch (Salimans et al. 2016,
    arXiv:1606.03498).

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
