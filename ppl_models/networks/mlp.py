"""Fully connected network for Pyro pairs (torch)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "softplus": nn.functional.softplus,
    "elu": nn.functional.elu,
    "silu": nn.functional.silu,
}


class MLP(nn.Module):
    """Linear layers with an activation between them: (..., sizes[0]) to (..., sizes[-1]).

    Weights are Glorot uniform and biases zero (Glorot & Bengio 2010), the initialisation of the
    published VAE and IWAE recipes.
    """

    def __init__(self, sizes: Sequence[int], activation: str, generator: torch.Generator) -> None:
        super().__init__()
        self.activation = _ACTIVATIONS[activation]
        self.layers = nn.ModuleList()
        for fan_in, fan_out in zip(sizes[:-1], sizes[1:], strict=True):
            layer = nn.utils.skip_init(nn.Linear, fan_in, fan_out)
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            nn.init.zeros_(layer.bias)
            self.layers.append(layer)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layers to the last dimension."""
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation(layer(x))
        return last(x)
