"""Sequences drawn step by step from the state of a recurrent network (torch)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pyro.distributions import MaskedDistribution
from torch import Size, Tensor, nn

from ppl_models.networks.autoregression.autoregressive import Autoregressive
from ppl_models.networks.mlp import MLP, linear
from ppl_models.networks.recurrence.recurrent import GRU, LSTM, Initial
from ppl_models.networks.recurrence.step_laws import frame


class RecurrentNetwork(nn.Module):
    """States h_t = cell(x_t, h_{t-1}), from which step t + 1 is drawn: output = MLP(h_t).

    Args:
        data_dim: entries of a step.
        hidden_dim: size of a state.
        cell: one of `sequences.CELLS`.
        hidden: hidden layers between state and output.
        kind: one of `sequences.FRAMES`.
        components: of a mixture.
        generator: source of the initial weights; the first state is trained and begins at zero.
    """

    def __init__(
        self,
        data_dim: int,
        hidden_dim: int,
        cell: str,
        hidden: Sequence[int],
        kind: str,
        components: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.frame = frame(kind, data_dim, components)
        self.data_dim, self.long = data_dim, cell == "lstm"
        self.start = Initial(torch.zeros(hidden_dim))
        self.input = linear(data_dim, (4 if self.long else 3) * hidden_dim, generator, bias=False)
        kind_of = LSTM if self.long else GRU
        self.cell = kind_of(hidden_dim, generator)
        self.output = MLP([hidden_dim, *hidden, self.frame.size], "relu", generator)

    def first(self) -> tuple[Tensor, ...]:
        """What the recurrence starts from: a state, and the memory of an LSTM."""
        h = self.start()
        return (h, torch.zeros_like(h)) if self.long else (h,)

    def advance(self, carry: tuple[Tensor, ...], shown: Tensor) -> tuple[Tensor, ...]:
        """The state after a step, which the cell sees as `input` shows it."""
        found: Any = self.cell(shown, *carry)
        return found if self.long else (found,)

    def states(self, x: Tensor) -> Tensor:
        """The states from which each step is drawn, (..., T, hidden_dim), from x (..., T, D)."""
        shown, carry = self.input(x), self.first()
        carry = tuple(part.expand(*x.shape[:-2], -1) for part in carry)
        found = []
        for t in range(x.shape[-2]):
            found.append(carry[0])
            carry = self.advance(carry, shown[..., t, :])
        return torch.stack(found, -2)


class ShiftedBiases(RecurrentNetwork):
    """A recurrent network whose state shifts the biases of the law of a step, c and b.

        c_t = c + C h_{t-1},   b_t = b + B h_{t-1}

    Args:
        data_dim: entries of a step.
        state_dim: size of a state.
        hidden_dim: hidden units of the law of a step.
        cell: one of `sequences.CELLS`.
        generator: source of the initial weights.
    """

    def __init__(
        self, data_dim: int, state_dim: int, hidden_dim: int, cell: str, generator: torch.Generator
    ) -> None:
        super().__init__(data_dim, state_dim, cell, (), "bernoulli", 1, generator)
        self.output: Any = linear(state_dim, data_dim, generator, bias=False)  # B
        self.to_hidden = linear(state_dim, hidden_dim, generator, bias=False)  # C


class RecurrentLaw(Autoregressive):
    """Sequences x_1..x_T, each step given those before it by the state of a recurrent network.

    Args:
        network: the network.
        length: T.
        batch_shape: shape of the independent sequences.
        inside: shape (..., T); steps where it is False are drawn, but add nothing to the density.
    """

    def __init__(
        self,
        network: RecurrentNetwork,
        length: int,
        batch_shape: tuple[int, ...],
        *,
        inside: Tensor | None = None,
    ) -> None:
        self.network, self.inside = network, inside
        self.support = network.frame.support
        super().__init__(Size(batch_shape), Size((length, network.data_dim)))

    @property
    def ranks(self) -> Tensor:
        """The number of its step for each entry, (T, D)."""
        return torch.arange(self.event_shape[0])[:, None].expand(self.event_shape)

    def _steps(self, inputs: Tensor) -> Any:
        return self.network.frame.law(self.network.output(self.network.states(inputs)))

    def conditionals(self, inputs: Tensor) -> Any:
        """The laws of all steps, each given the steps of `inputs` before it."""
        each = self._steps(inputs)
        each = each if self.inside is None else MaskedDistribution(each, self.inside)
        return each.to_event(1)

    def features(self, inputs: Tensor) -> Tensor:
        """The states from which the steps are drawn, (..., T, hidden_dim); zero after the end."""
        states = self.network.states(inputs)
        return states if self.inside is None else torch.where(self.inside[..., None], states, 0.0)

    def mean_given(self, value: Tensor) -> Tensor:
        """The mean of each step given those before it."""
        return self._steps(value).mean

    @torch.no_grad()
    def complete(
        self, values: Tensor, held: Tensor, temperature: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Draw what is not held, step by step."""
        net, drawn = self.network, []
        carry = tuple(part.expand(*values.shape[:-2], -1) for part in net.first())
        log_weight = values.new_zeros(values.shape[:-2])
        for t in range(values.shape[-2]):
            shown = values[..., t, :], held[..., t, :]
            entry, score = net.frame.draw(net.output(carry[0]), *shown, temperature)
            inside = True if self.inside is None else self.inside[..., t]
            log_weight = log_weight + torch.as_tensor(inside) * score
            drawn.append(entry)
            carry = net.advance(carry, net.input(entry))
        return torch.stack(drawn, -2), log_weight

    def _zeros(self, shape: Any) -> Tensor:
        return self.network.start().new_zeros(shape)
