"""Sequences drawn entry by entry, given the state of a recurrent network (torch)."""

from __future__ import annotations

from typing import Any

import pyro.distributions as dist
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppl_models.networks.autoregression.connections import Connections
from ppl_models.networks.autoregression.nade import NADENetwork
from ppl_models.networks.recurrence.recurrent_law import RecurrentLaw, ShiftedBiases


class RecurrentNADE(ShiftedBiases):
    """A recurrent network whose state gives the biases of a NADE, of which a step is a draw."""

    def __init__(
        self, data_dim: int, state_dim: int, hidden_dim: int, cell: str, generator: torch.Generator
    ) -> None:
        super().__init__(data_dim, state_dim, hidden_dim, cell, generator)
        self.nade = NADENetwork(Connections(data_dim), hidden_dim, "sigmoid", generator)

    def set_output_bias(self, bias: NDArray[Any]) -> None:
        """Set b, shape (data_dim,)."""
        self.nade.set_output_bias(bias)

    def biases(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """c_t and what b_t has beside b, (..., hidden_dim) and (..., data_dim)."""
        return self.nade.hidden_bias + self.to_hidden(state), self.output(state)


class RecurrentNADELaw(RecurrentLaw):
    """Sequences x_1..x_T, each entry given those of its step before it and all steps before."""

    network: RecurrentNADE

    @property
    def ranks(self) -> Tensor:
        """The number of each entry, (T, D)."""
        length, width = self.event_shape
        return torch.arange(length * width).reshape(length, width)

    def _steps(self, inputs: Tensor) -> Any:
        hidden, shift = self.network.biases(self.network.states(inputs))
        return dist.Bernoulli(logits=self.network.nade.logits(inputs, 0, hidden) + shift).to_event(
            1
        )

    @torch.no_grad()
    def complete(
        self, values: Tensor, held: Tensor, temperature: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Draw what is not held, step by step and entry by entry."""
        net, drawn = self.network, []
        carry = tuple(part.expand(*values.shape[:-2], -1) for part in net.first())
        log_weight = values.new_zeros(values.shape[:-2])
        noise = torch.rand_like(values).logit()
        for t in range(values.shape[-2]):
            hidden, shift = net.biases(carry[0])
            entry, score = net.nade.complete(
                values[..., t, :], held[..., t, :], noise[..., t, :], temperature, 0, hidden, shift
            )
            inside = True if self.inside is None else self.inside[..., t]
            log_weight = log_weight + torch.as_tensor(inside) * score
            drawn.append(entry)
            carry = net.advance(carry, net.input(entry))
        return torch.stack(drawn, -2), log_weight
