"""Recurrent cells and their linear layers for Pyro pairs (torch)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn


def linear(
    fan_in: int, fan_out: int, generator: torch.Generator, *, bias: bool = True
) -> nn.Linear:
    """A linear layer with Glorot uniform weights and zero biases (Glorot & Bengio 2010)."""
    layer = cast(nn.Linear, nn.utils.skip_init(nn.Linear, fan_in, fan_out, bias=bias))
    nn.init.xavier_uniform_(layer.weight, generator=generator)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


class Initial(nn.Module):
    """A trained vector that a recurrence starts from."""

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.value = nn.Parameter(value)

    def forward(self) -> Tensor:
        """The vector."""
        return self.value


class LSTM(nn.Module):
    """One step of a long short-term memory, given what its inputs add to its gates.

        i, f, g, o = inputs + W h + b
        c' = sigmoid(f + 1) c + sigmoid(i) tanh(g),   h' = sigmoid(o) tanh(c')

    The caller projects the inputs, so that several can be added, each with leading dimensions of
    its own, and constant ones be projected once. The gate f begins open (Gers et al. 2000).
    """

    def __init__(self, size: int, generator: torch.Generator) -> None:
        super().__init__()
        self.recurrent = linear(size, 4 * size, generator)

    def forward(self, inputs: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Output and memory after a step; inputs have shape (..., 4 * size)."""
        i, f, g, o = (inputs + self.recurrent(h)).chunk(4, dim=-1)
        c = (f + 1).sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class GRU(nn.Module):
    """One step of a gated recurrent unit, given what its inputs add to its gates.

        r, u = sigmoid(inputs + W h),  n = tanh(inputs + r V h),  h' = (1 - u) n + u h

    (Cho et al. 2014, arXiv:1406.1078). The caller projects the inputs, for all steps at once.
    """

    def __init__(self, size: int, generator: torch.Generator) -> None:
        super().__init__()
        self.recurrent = linear(size, 3 * size, generator)

    def forward(self, inputs: Tensor, h: Tensor) -> Tensor:
        """Output after a step; inputs have shape (..., 3 * size)."""
        own = self.recurrent(h).chunk(3, dim=-1)
        reset, keep, new = inputs.chunk(3, dim=-1)
        update = (keep + own[1]).sigmoid()
        return (1 - update) * (new + (reset + own[0]).sigmoid() * own[2]).tanh() + update * h
