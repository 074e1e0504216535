"""Sweeps of noisy layers, odd ones and even ones in turn, above a vector that is held (torch)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


class OddEven(nn.Module):
    """Layers h_1..h_L above h_0, with the same weights up and down.

        a_l = h_(l-1) W_l + h_(l+1) W_(l+1)' + b_l
        h_l = tanh(a_l + r e) + r e',     e, e' ~ N(0, 1)

    Layers begin at zero. A sweep updates the odd layers, then the even ones, so that after S of
    them h_1 has heard of 2 S - 1 layers above. The output is h_1 W_1' + b_0.

    Args:
        sizes: of h_0..h_L.
        sweeps: how many.
        noise_scale: r.
        generator: source of the weights.
    """

    def __init__(
        self, sizes: Sequence[int], sweeps: int, noise_scale: float, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.sweeps, self.noise_scale = sweeps, noise_scale
        self.weights = nn.ParameterList()
        for fan_in, fan_out in pairwise(sizes):
            limit = (6 / (fan_in + fan_out)) ** 0.5
            start = torch.rand((fan_in, fan_out), generator=generator)
            self.weights.append(nn.Parameter(limit * (2 * start - 1)))
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(size)) for size in sizes)

    def forward(self, bottom: Tensor, noise: Tensor) -> Tensor:
        """The output, (..., sizes[0]).

        Args:
            bottom: h_0, (..., sizes[0]).
            noise: e and e' of every layer in each sweep, (..., sweeps, 2, sum of sizes[1:]).
        """
        weights, biases = list(self.weights), list(self.biases)
        sizes = [len(bias) for bias in biases[1:]]
        layers = [bottom, *(noise.new_zeros(*noise.shape[:-3], size) for size in sizes)]
        for sweep in range(self.sweeps):
            before, after = (part.split(sizes, -1) for part in noise[..., sweep, :, :].unbind(-2))
            for level in [*range(1, len(layers), 2), *range(2, len(layers), 2)]:
                inputs = layers[level - 1] @ weights[level - 1] + biases[level]
                if level + 1 < len(layers):
                    inputs = inputs + layers[level + 1] @ weights[level].T
                active = torch.tanh(inputs + self.noise_scale * before[level - 1])
                layers[level] = active + self.noise_scale * after[level - 1]
        return layers[1] @ weights[0].T + biases[0]

    def set_output_bias(self, bias: Tensor) -> None:
        """Set b_0, shape (sizes[0],)."""
        with torch.no_grad():
            self.biases[0].copy_(torch.as_tensor(bias))
