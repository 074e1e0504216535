"""Transitions of a state-space model, and what a guide makes of the future, for Pyro (torch)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ppl_models.networks.mlp import MLP
from ppl_models.networks.recurrent import GRU, linear

_SMALLEST = 1e-3  # scale: softplus alone can underflow to zero


class GatedTransition(nn.Module):
    """A move between a linear one and one by a network, as a gate decides per coordinate.

        g = sigmoid(MLP(z)),  h = MLP(z),  mean = (1 - g)(W z + b) + g h,
        scale = softplus(W h_+ + b)

    (Krishnan et al. 2017, arXiv:1609.09869, section 4.) The linear move begins as none.
    """

    def __init__(self, latent_dim: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.gate = MLP([latent_dim, hidden, latent_dim], "relu", generator)
        self.network = MLP([latent_dim, hidden, latent_dim], "relu", generator)
        self.linear = linear(latent_dim, latent_dim, generator)
        nn.init.eye_(self.linear.weight)
        self.scale = linear(latent_dim, latent_dim, generator)

    def forward(self, z: Tensor, _: None = None) -> tuple[Tensor, Tensor]:
        """Mean and scale of the next state."""
        gate, proposed = self.gate(z).sigmoid(), self.network(z)
        mean = (1 - gate) * self.linear(z) + gate * proposed
        return mean, softplus(self.scale(proposed.relu())) + _SMALLEST


class LinearTransition(nn.Module):
    """A linear move with noise of its own scale per coordinate: mean = W z + b."""

    def __init__(self, latent_dim: int, generator: torch.Generator) -> None:
        super().__init__()
        self.linear = linear(latent_dim, latent_dim, generator)
        self.log_scale = nn.Parameter(torch.zeros(latent_dim))

    def forward(self, z: Tensor, _: None = None) -> tuple[Tensor, Tensor]:
        """Mean and scale of the next state."""
        mean = self.linear(z)
        return mean, self.log_scale.exp().expand_as(mean)


class Future(nn.Module):
    """A gated recurrent unit that reads a sequence from its last step to each step.

    Steps outside of the sequence leave it at rest, so that it starts at each row's own length.
    """

    def __init__(self, data_dim: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.hidden = hidden
        self.input = linear(data_dim, 3 * hidden, generator, bias=False)
        self.cell = GRU(hidden, generator)

    def forward(self, x: Tensor, inside: Tensor | None) -> Tensor:
        """What x_t, x_{t+1}, ... amount to, (..., T, hidden), from x, (..., T, data_dim)."""
        inputs, found = self.input(x), []
        rest = h = inputs.new_zeros(*inputs.shape[:-2], self.hidden)
        for t in reversed(range(x.shape[-2])):
            h = self.cell(inputs[..., t, :], h)
            if inside is not None:
                h = torch.where(inside[..., t, None], h, rest)
            found.append(h)
        return torch.stack(found[::-1], -2)


class Combiner(nn.Module):
    """What the state before and the future say of a state.

    h = (tanh(W z_{t-1} + b) + future_t) / 2,  mean = W h + b,  scale = softplus(W h + b)
    """

    def __init__(self, latent_dim: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.before = linear(latent_dim, hidden, generator)
        self.mean = linear(hidden, latent_dim, generator)
        self.scale = linear(hidden, latent_dim, generator)

    def forward(self, z: Tensor, future: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and scale of a state."""
        h = (self.before(z).tanh() + future) / 2
        return self.mean(h), softplus(self.scale(h)) + _SMALLEST
