"""Sequences whose steps are RBMs with biases from a recurrent network (torch)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from numpy.typing import NDArray
from pyro.distributions import constraints
from torch import Size, Tensor, nn
from torch.nn.functional import logsigmoid, softplus

from ppl_models.networks.energies.energy_arguments import BLOCK
from ppl_models.networks.energies.energy_law import BatchLaw, log_sum, uniform
from ppl_models.networks.recurrence.recurrent_law import ShiftedBiases


class RecurrentMachine(ShiftedBiases):
    """A recurrent network whose state gives the biases of an RBM, of which a step is a draw."""

    def __init__(
        self, data_dim: int, state_dim: int, hidden_dim: int, cell: str, generator: torch.Generator
    ) -> None:
        super().__init__(data_dim, state_dim, hidden_dim, cell, generator)
        start = 0.01 * torch.randn((data_dim, hidden_dim), generator=generator)
        self.weight = nn.Parameter(start)
        self.visible_bias = nn.Parameter(torch.zeros(data_dim))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden_dim))

    def set_output_bias(self, bias: NDArray[Any]) -> None:
        """Set b, shape (data_dim,)."""
        with torch.no_grad():
            self.visible_bias.copy_(torch.as_tensor(bias))

    def biases(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """b_t and c_t, (..., data_dim) and (..., hidden_dim)."""
        return self.visible_bias + self.output(state), self.hidden_bias + self.to_hidden(state)


class RecurrentMachineLaw(BatchLaw):
    """Sequences x_1..x_T, each step an RBM's draw given the steps before it.

        log f(x) = sum_t b_t . x_t + sum_j softplus(c_tj + (x_t W)_j)  less log Z_t where summed

    The constant of a step depends on the steps before it. So the history from which the biases come
    is held: with `given`, `log_prob`, `transition` and `log_conditionals` take other steps after
    the histories of `given`; without it those of their own value.

    Args:
        network: the network.
        length: T.
        batch_shape: shape of the independent sequences.
        inside: shape (..., T); steps where it is False add nothing to the density.
        given: whose histories are held, (..., T, D); None for those of each value.
        normalised: whether each step is less its constant, a sum over the hidden units' states.
        burn_in: steps of the chain that draws a step.
    """

    arg_constraints: ClassVar[Any] = {}
    support: Any = constraints.independent(constraints.boolean, 2)
    sequential = True

    def __init__(
        self,
        network: RecurrentMachine,
        length: int,
        batch_shape: tuple[int, ...],
        *,
        inside: Tensor | None = None,
        given: Tensor | None = None,
        normalised: bool = False,
        burn_in: int = 20,
    ) -> None:
        self.network, self.inside, self.given = network, inside, given
        self.normalised, self.burn_in = normalised, burn_in
        super().__init__(Size(batch_shape), Size((length, network.data_dim)), validate_args=False)

    def biases(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """b_t and c_t of every step, after the histories that are held, or the value's own."""
        return self.network.biases(self.network.states(value if self.given is None else self.given))

    def log_prob(self, value: Tensor) -> Tensor:
        """log f of whole sequences, less the constants where they are summed: (...,)."""
        visible, hidden = self.biases(value)
        each = (value * visible).sum(-1) + softplus(hidden + value @ self.network.weight).sum(-1)
        if self.normalised:
            each = each - self._constants(visible, hidden)
        return self._summed(each)

    def _constants(self, visible: Tensor, hidden: Tensor) -> Tensor:
        """log Z_t of each step, by a sum over the hidden units' states."""
        weight = self.network.weight

        def term(states: Tensor) -> Tensor:
            inputs = visible[..., None, :] + states @ weight.T
            return hidden @ states.T + softplus(inputs).sum(-1)

        return log_sum(term, hidden.shape[-1], weight, at_once=BLOCK // 2)

    def _summed(self, each: Tensor) -> Tensor:
        """Over the steps that are inside."""
        return each.sum(-1) if self.inside is None else (each * self.inside).sum(-1)

    @torch.no_grad()
    def transition(self, value: Tensor, key: Any = None) -> Tensor:
        """One step of block Gibbs in every step of the sequences, their histories held."""
        return self._gibbs(value, *self.biases(value), key)

    def _gibbs(self, value: Tensor, visible: Tensor, hidden: Tensor, key: Any = None) -> Tensor:
        inputs = hidden + value @ self.network.weight
        h = (uniform(inputs, key) < inputs.sigmoid()).to(value)
        outputs = visible + h @ self.network.weight.T
        return (uniform(outputs, key) < outputs.sigmoid()).to(value)

    def log_conditionals(self, value: Tensor, columns: Tensor | None = None) -> Tensor:
        """log p of each entry of a step given all others of it, summed over the steps.

        Args:
            value: x, (N, T, D).
            columns: (N, T, n), entries of each step; all without it.

        Returns:
            Shape (N, n), or (N, D).
        """
        if columns is None:
            columns = torch.arange(value.shape[-1], device=value.device).expand(value.shape)
        visible, hidden = self.biases(value)
        inputs, found = hidden + value @ self.network.weight, []
        here = softplus(inputs).sum(-1)
        for column in columns.long().unbind(-1):  # (N, T)
            own, bias = (part.gather(-1, column[..., None])[..., 0] for part in (value, visible))
            turn = 1 - 2 * own
            there = softplus(inputs + turn[..., None] * self.network.weight[column]).sum(-1)
            found.append(self._summed(logsigmoid(here - there - turn * bias)))
        return torch.stack(found, -1)

    def reconstruct(self, value: Tensor) -> Tensor:
        """The mean of each step given the hidden units' chances at it, (..., T, D)."""
        visible, hidden = self.biases(value)
        h = (hidden + value @ self.network.weight).sigmoid()
        return (visible + h @ self.network.weight.T).sigmoid()

    @torch.no_grad()
    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008  (as torch has it)
        """Step after step the end of a chain, which begins at independent entries."""
        net, drawn = self.network, []
        shape = (*sample_shape, *self.batch_shape)
        carry = tuple(part.expand(*shape, -1) for part in net.first())
        for _ in range(self.event_shape[0]):
            visible, hidden = net.biases(carry[0])
            step = (uniform(visible) < visible.sigmoid()).to(visible)
            for _ in range(self.burn_in):
                step = self._gibbs(step, visible, hidden)
            drawn.append(step)
            carry = net.advance(carry, net.input(step))
        return torch.stack(drawn, -2)
