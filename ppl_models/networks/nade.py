"""Hidden units that take in one entry after another (torch)."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ppl_models.networks.connections import Connections
from ppl_models.networks.masked import drawn_or_held
from ppl_models.networks.mlp import ACTIVATION_FUNCTIONS

BLOCK = 28  # entries whose hidden states are held at a time: one after another is slow


class NADENetwork(nn.Module):
    """Logits of binary entries, each from a hidden layer that has seen those before it.

        h_i = f(c + sum_{j < i} x_j W_j),   logit_i = b_i + V_i h_i

    W and V have a row for each entry, and all h_i share W (Larochelle & Murray 2011). The states of
    a block of entries come from the sum before the block and one product within it; what a block
    computes is computed again for the gradient, so that states of all entries are never held.

    Args:
        connections: the order.
        size: number of hidden units.
        activation: f, one of `ACTIVATION_FUNCTIONS`.
        generator: source of the Glorot uniform weights; biases begin at zero.
    """

    def __init__(
        self, connections: Connections, size: int, activation: str, generator: torch.Generator
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
        self._order = torch.tensor(connections.ranks()[0].argsort())

    def set_output_bias(self, bias: NDArray[Any]) -> None:
        """Set the bias of the logits, shape (dim,)."""
        with torch.no_grad():
            self.bias.copy_(torch.as_tensor(bias))

    def ranks(self, component: int = 0) -> Tensor:
        """The rank of each entry, (dim,)."""
        del component
        return self._order.argsort().to(self.bias.device)

    def logits(self, inputs: Tensor, component: int = 0, hidden: Tensor | None = None) -> Tensor:
        """Logits of all entries, (..., dim), from inputs (..., dim).

        Args:
            inputs: the entries.
            component: there is one alone.
            hidden: biases of the hidden units of each row, (..., size), in place of c.
        """
        del component
        order = self._order.to(inputs.device)
        x, logits = inputs.reshape(-1, inputs.shape[-1])[:, order], []
        start = self.hidden_bias if hidden is None else hidden.reshape(-1, self.size)
        seen = start.expand(len(x), -1)
        rows = zip(*(part[order].split(BLOCK) for part in self._rows()), strict=True)
        for part, (encoder, decoder, bias) in zip(x.split(BLOCK, 1), rows, strict=True):
            found: Any = checkpoint(
                self._block,
                seen,
                part,
                encoder,
                decoder,
                use_reentrant=False,
                preserve_rng_state=False,
            )
            logits.append(found + bias)
            seen = seen + part @ encoder
        return torch.cat(logits, 1)[:, self.ranks()].reshape(inputs.shape)

    def _rows(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.encoder, self.decoder, self.bias

    def _states(self, seen: Tensor, part: Tensor, encoder: Tensor) -> Tensor:
        """The hidden states of a block's entries, (rows, block, size)."""
        before = torch.ones(part.shape[1], part.shape[1], device=part.device).tril(-1)
        return self.activation(seen[:, None] + (part[:, None] * before) @ encoder)

    def _block(self, seen: Tensor, part: Tensor, encoder: Tensor, decoder: Tensor) -> Tensor:
        return (self._states(seen, part, encoder) * decoder).sum(-1)

    def features(self, inputs: Tensor, component: int = 0) -> Tensor:
        """The hidden state of each entry, (..., dim, size), all at once."""
        del component
        order = self._order.to(inputs.device)
        x = inputs.reshape(-1, inputs.shape[-1])[:, order]
        states = self._states(self.hidden_bias.expand(len(x), -1), x, self.encoder[order])
        return states[:, self.ranks()].reshape(*inputs.shape, self.size)

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
        del component
        drawn, log_weight = torch.zeros_like(values), values.new_zeros(values.shape[:-1])
        seen = self.hidden_bias if hidden is None else hidden
        bias = self.bias if shift is None else self.bias + shift
        for place in self._order.tolist():
            logit = self.activation(seen) @ self.decoder[place] + bias[..., place]
            shown = noise[..., place], values[..., place], held[..., place]
            entry, score = drawn_or_held(logit / temperature, *shown)
            drawn[..., place], log_weight = entry, log_weight + score
            seen = seen + entry[..., None] * self.encoder[place]
        return drawn, log_weight
