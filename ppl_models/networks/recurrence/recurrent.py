"""Recurrent cells, and the parts of a state-space model, for Pyro pairs (torch)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ppl_models.networks.mlp import MLP, linear

TRANSITIONS = ("gated", "linear")
_SMALLEST = 1e-3  # scale: softplus alone can underflow to zero


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


def transition(
    kind: str, latent_dim: int, hidden: int, generator: torch.Generator
) -> GatedTransition | LinearTransition:
    """The move of this kind, one of `TRANSITIONS`; `hidden` is of the gated one."""
    if kind == "linear":
        return LinearTransition(latent_dim, generator)
    return GatedTransition(latent_dim, hidden, generator)


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


class Apart(nn.Module):
    """What the past and the future say of a state, without the states around it.

    h = (past_t + future_t) / 2,  mean = W h + b,  scale = softplus(W h + b)

    Args:
        data_dim: columns of a step.
        latent_dim: size of a state.
        hidden: size of the unit that reads the past.
        generator: source of the weights.
    """

    def __init__(
        self, data_dim: int, latent_dim: int, hidden: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.past = Future(data_dim, hidden, generator)
        self.mean = linear(hidden, latent_dim, generator)
        self.scale = linear(hidden, latent_dim, generator)

    def forward(self, x: Tensor, future: Tensor, inside: Tensor | None) -> tuple[Tensor, Tensor]:
        """Means and scales of all steps, (..., T, latent_dim)."""
        past = self.past(x.flip(-2), None if inside is None else inside.flip(-1))
        context = (past.flip(-2) + future) / 2
        return self.mean(context), softplus(self.scale(context)) + _SMALLEST
