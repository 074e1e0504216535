"""Hidden units that take in one entry after another (torch)."""

from __future__ import annotations

from typing import Any

import pyro.distributions as dist
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ppl_models.networks.autoregression.autoregressive import MaskedBernoulli, MaskedMixture
from ppl_models.networks.autoregression.connections import Connections
from ppl_models.networks.autoregression.masked_network import drawn_or_held
from ppl_models.networks.mlp import ACTIVATION_FUNCTIONS

BLOCK = 28  # entries whose hidden states are held at a time: one after another is slow


class NADENetwork(nn.Module):
    """Logits of binary entries, each from a hidden layer that has seen those before it.

        h_i = f(c + sum_{j < i} x_j W_j),   logit_i = b_i + V_i h_i

    W and V have a row for each entry, and all h_i share W (Larochelle & Murray 2011), in every
    order of the entries. The states of a block of entries come from the sum before the block and
    one product within it; what a block computes is computed again for the gradient, so that states
    of all entries are never held. With marks, x_j W_j + U_j takes the place of x_j W_j, so that a
    zero is told from an entry that has not been seen.

    Args:
        connections: the orders.
        size: number of hidden units.
        activation: f, one of `ACTIVATION_FUNCTIONS`.
        generator: source of the Glorot uniform weights; biases and U begin at zero.
        marks: whether there is U.
    """

    def __init__(
        self,
        connections: Connections,
        size: int,
        activation: str,
        generator: torch.Generator,
        *,
        marks: bool = False,
    ) -> None:
        super().__init__()
        self.connections, self.size = connections, size
        self.activation = ACTIVATION_FUNCTIONS[activation]
        shape = connections.dim, size
        self.encoder = nn.Parameter(
            nn.init.xavier_uniform_(torch.empty(shape), generator=generator)
        )
        self.decoder = nn.Parameter(
            nn.init.xavier_uniform_(torch.empty(shape), generator=generator)
        )
        self.hidden_bias = nn.Parameter(torch.zeros(size))
        self.bias = nn.Parameter(torch.zeros(connections.dim))
        self.marks = nn.Parameter(torch.zeros(shape)) if marks else None
        self._ranks = torch.tensor(connections.ranks())

    def set_output_bias(self, bias: NDArray[Any]) -> None:
        """Set the bias of the logits, shape (dim,)."""
        with torch.no_grad():
            self.bias.copy_(torch.as_tensor(bias))

    def ranks(self, component: int = 0) -> Tensor:
        """The rank of each entry in one of the orders, (dim,)."""
        return self._ranks[component].to(self.bias.device)

    def logits(self, inputs: Tensor, component: int = 0, hidden: Tensor | None = None) -> Tensor:
        """Logits of all entries, (..., dim), from inputs (..., dim).

        Args:
            inputs: the entries.
            component: which of the orders.
            hidden: biases of the hidden units of each row, (..., size), in place of c.
        """
        ranks = self.ranks(component)
        order = ranks.argsort()
        x, logits = inputs.reshape(-1, inputs.shape[-1])[:, order], []
        start = self.hidden_bias if hidden is None else hidden.reshape(-1, self.size)
        seen = start.expand(len(x), -1)
        once_more: Any = {"use_reentrant": False, "preserve_rng_state": False}
        for places, part in zip(order.split(BLOCK), x.split(BLOCK, 1), strict=True):
            encoder, decoder, marks = self._rows(places)
            found: Any = checkpoint(self._block, seen, part, encoder, decoder, marks, **once_more)
            logits.append(found + self.bias[places])
            seen = seen + part @ encoder
            seen = seen if marks is None else seen + marks.sum(0)
        return torch.cat(logits, 1)[:, ranks].reshape(inputs.shape)

    def logits_given(self, inputs: Tensor, held: Tensor) -> Tensor:
        """Logits of all entries, (..., dim), from those that are held alone, in whatever order."""
        seen = self.hidden_bias + torch.where(held, inputs, 0.0) @ self.encoder
        seen = seen if self.marks is None else seen + held.to(seen.dtype) @ self.marks
        return self.activation(seen) @ self.decoder.T + self.bias

    def _rows(self, places: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        marks = None if self.marks is None else self.marks[places]
        return self.encoder[places], self.decoder[places], marks

    def _states(self, seen: Tensor, part: Tensor, encoder: Tensor, marks: Tensor | None) -> Tensor:
        """The hidden states of a block's entries, (rows, block, size)."""
        before = torch.ones(part.shape[1], part.shape[1], device=part.device).tril(-1)
        states = seen[:, None] + (part[:, None] * before) @ encoder
        return self.activation(states if marks is None else states + before @ marks)

    def _block(
        self, seen: Tensor, part: Tensor, encoder: Tensor, decoder: Tensor, marks: Tensor | None
    ) -> Tensor:
        return (self._states(seen, part, encoder, marks) * decoder).sum(-1)

    def features(self, inputs: Tensor, component: int = 0) -> Tensor:
        """The hidden state of each entry, (..., dim, size), all at once."""
        ranks = self.ranks(component)
        order = ranks.argsort()
        x = inputs.reshape(-1, inputs.shape[-1])[:, order]
        encoder, _, marks = self._rows(order)
        states = self._states(self.hidden_bias.expand(len(x), -1), x, encoder, marks)
        return states[:, ranks].reshape(*inputs.shape, self.size)

    @torch.no_grad()
    def complete(
        self,
        values: Tensor,
        held: Tensor,
        noise: Tensor,
        temperature: float = 1.0,
        component: int = 0,
        hidden: Tensor | None = None,
        shift: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Draw the entries that are not held: see `masked.MaskedNetwork.complete`.

        With biases of each row in place of c, (..., size), and added to b, (..., dim).
        """
        drawn, log_weight = torch.zeros_like(values), values.new_zeros(values.shape[:-1])
        seen = self.hidden_bias if hidden is None else hidden
        bias = self.bias if shift is None else self.bias + shift
        for place in self.ranks(component).argsort().tolist():
            logit = self.activation(seen) @ self.decoder[place] + bias[..., place]
            shown = noise[..., place], values[..., place], held[..., place]
            entry, score = drawn_or_held(logit / temperature, *shown)
            drawn[..., place], log_weight = entry, log_weight + score
            seen = seen + entry[..., None] * self.encoder[place]
            seen = seen if self.marks is None else seen + self.marks[place]
        return drawn, log_weight


class AnyOrder:
    """A law by such networks, in which what an entry is like given others is the same in any order.

    So one law is learnt for all orders at once (Uria, Murray & Larochelle 2014, arXiv:1310.1757).
    """

    network: Any

    def conditionals_given(self, inputs: Tensor, held: Tensor) -> Any:
        """The law of every entry given the entries of `inputs` that are held, and no others."""
        return dist.Bernoulli(logits=self.network.logits_given(inputs, held)).to_event(1)


class NADEBernoulli(AnyOrder, MaskedBernoulli):
    """Binary entries by one such network, in one order."""


class NADEMixture(AnyOrder, MaskedMixture):
    """The mean of the probabilities of whole rows in several orders, with the same parameters."""
