"""Fully connected network of two inputs for Pyro pairs (torch)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from ppl_models.networks.mlp import MLP

__all__ = ["TwoInputMLP"]


class TwoInputMLP(MLP):
    """An MLP of two inputs side by side: (..., first) and (..., second) to (..., sizes[-1]).

    Its first layer is W_1 first + W_2 second + b, each product with the leading dimensions that
    its own input has: where particles or enumerated states have only one of the two, the other's
    product is worked out once.
    """

    def __init__(
        self,
        inputs: tuple[int, int],
        sizes: Sequence[int],
        activation: str,
        generator: torch.Generator,
    ) -> None:
        super().__init__([sum(inputs), *sizes], activation, generator)
        self.inputs = inputs

    def forward(self, first: Tensor, second: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Apply the layers to the last dimensions; the others broadcast."""
        joint, *rest = self.layers
        weight, bias = cast(nn.Linear, joint).weight, cast(nn.Linear, joint).bias
        one, other = weight.split(self.inputs, dim=1)
        output = nn.functional.linear(first, one, bias) + nn.functional.linear(second, other)
        for layer in rest:
            output = layer(self.activation(output))
        return output
