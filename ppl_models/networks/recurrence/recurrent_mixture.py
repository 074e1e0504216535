"""A mixture of recurrent networks, each of which tells whole sequences (torch)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor, nn

from ppl_models.networks.recurrence.recurrent_law import RecurrentLaw, RecurrentNetwork


class RecurrentMixture(nn.Module):
    """Recurrent networks with outputs of one kind, and the weights of each.

    Args:
        networks: the networks.
    """

    def __init__(self, networks: Iterable[RecurrentNetwork]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        first: Any = self.networks[0]
        self.frame, self.data_dim = first.frame, first.data_dim
        self.logits = nn.Parameter(torch.zeros(len(self.networks)))

    def states(self, x: Tensor) -> Tensor:
        """The states of all networks side by side, (..., T, networks * hidden_dim)."""
        each: Any = self.networks
        return torch.cat([network.states(x) for network in each], -1)

    def outputs(self, x: Tensor) -> Tensor:
        """What each network says of each step, (..., T, networks, size)."""
        each: Any = self.networks
        return torch.stack([network.output(network.states(x)) for network in each], -2)


class RecurrentMixtureLaw(RecurrentLaw):
    """Sequences by one of several recurrent networks, which is the same for all steps.

        p(x) = sum_m w_m prod_t p_m(x_t | x_1 .. x_{t-1}),   w = softmax(logits)

    Of a step given those before, each network counts for as much as it finds those before likely.
    Arguments as of `RecurrentLaw`.
    """

    network: Any

    @property
    def laws(self) -> tuple[RecurrentLaw, ...]:
        """That of each network."""
        length, inside = self.event_shape[0], self.inside
        return tuple(
            RecurrentLaw(each, length, self.batch_shape, inside=inside)
            for each in self.network.networks
        )

    def _steps(self, inputs: Tensor) -> Any:
        each = self.network.frame.law(self.network.outputs(inputs))  # batch (..., T, networks)
        scores = each.log_prob(inputs.unsqueeze(-2))
        if self.inside is not None:
            scores = torch.where(self.inside[..., None], scores, 0.0)
        before = scores.cumsum(-2) - scores
        weights = dist.Categorical(logits=self.network.logits + before)
        return dist.MixtureSameFamily(weights, each)

    @torch.no_grad()
    def complete(
        self, values: Tensor, held: Tensor, temperature: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Draw what is not held, each sequence by one of the networks."""
        weights = dist.Categorical(logits=self.network.logits)
        chosen = weights.sample(values.shape[:-2])
        drawn, log_weight = torch.zeros_like(values), values.new_zeros(values.shape[:-2])
        for number, law in enumerate(self.laws):
            rows, weight = law.complete(values, held, temperature)
            drawn = torch.where((chosen == number)[..., None, None], rows, drawn)
            log_weight = torch.where(chosen == number, weight, log_weight)
        return drawn, log_weight

    def _zeros(self, shape: Any) -> Tensor:
        return self.network.logits.new_zeros(shape)
