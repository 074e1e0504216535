"""Fully connected network for Pyro pairs (torch)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from numpy.typing import NDArray
from torch import Tensor, nn


def leaky_relu(x: Tensor) -> Tensor:
    """x above zero and x / 5 below; it has a name, so that a pair can be pickled."""
    return nn.functional.leaky_relu(x, 0.2)


ACTIVATION_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "softplus": nn.functional.softplus,
    "elu": nn.functional.elu,
    "silu": nn.functional.silu,
    "leaky-relu": leaky_relu,
}


class MLP(nn.Module):
    """Linear layers with an activation between them: (..., sizes[0]) to (..., sizes[-1]).

    Weights are Glorot uniform and biases zero (Glorot & Bengio 2010), the initialisation of the
    published VAE and IWAE recipes.
    """

    def __init__(self, sizes: Sequence[int], activation: str, generator: torch.Generator) -> None:
        super().__init__()
        self.activation = ACTIVATION_FUNCTIONS[activation]
        self.layers = nn.ModuleList()
        for fan_in, fan_out in pairwise(sizes):
            # Torch's own initialisation would be thrown away, and move its global random state.
            layer = cast(nn.Linear, nn.utils.skip_init(nn.Linear, fan_in, fan_out))
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            nn.init.zeros_(layer.bias)
            self.layers.append(layer)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layers to the last dimension."""
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation(layer(x))
        return last(x)

    def set_output_bias(self, bias: NDArray[Any]) -> None:
        """Set the bias of the last layer, shape (sizes[-1],)."""
        with torch.no_grad():
            cast(nn.Linear, self.layers[-1]).bias.copy_(torch.as_tensor(bias))
