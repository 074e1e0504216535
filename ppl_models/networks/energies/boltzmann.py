"""The density of a general Boltzmann machine of few units, and its kernel (torch)."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import torch
from pyro.distributions import constraints
from torch import Tensor
from torch.nn.functional import softplus

from ppl_models.networks.energies.energy_arguments import BLOCK, check_all_countable
from ppl_models.networks.energies.energy_law import EnergyLaw, base_visible, bits, log_sum, uniform


class Boltzmann(EnergyLaw):
    """Binary units, visible v and hidden h, each connected with every other; h is summed out.

        f(v) = sum_h exp(a . v + c . h + v' W h + v' L v + h' M h)

    with what is below the diagonals of L and M. `log_prob` is log f, and so the class says
    `normalised = False`, unless it is told to sum the constant.

    Args:
        weight: W, (D, H).
        visible: a, (D,).
        hidden: c, (H,).
        among_visible: L, (D, D); what is not below its diagonal is not used.
        among_hidden: M, (H, H), likewise.
        connected: whether any unit is connected with another; where none is, the constant is known
            at once.
        normalised: whether `log_prob` is less the constant, which is then summed exactly.
        burn_in: steps of the chains whose ends are draws.
        means: mean of the training data, (D,), where chains begin; None where it is not known.
    """

    arg_constraints: ClassVar[Any] = {}
    support: Any = constraints.independent(constraints.boolean, 1)

    def __init__(
        self,
        weight: Tensor,
        visible: Tensor,
        hidden: Tensor,
        among_visible: Tensor,
        among_hidden: Tensor,
        *,
        connected: bool = True,
        normalised: bool = False,
        burn_in: int = 1000,
        means: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self.weight, self.visible, self.hidden = weight, visible, hidden
        self.among_visible, self.among_hidden = among_visible.tril(-1), among_hidden.tril(-1)
        self.connected, self.normalised = connected, normalised
        self.burn_in, self.means = burn_in, means
        super().__init__(torch.Size(), visible.shape[-1:], validate_args=validate_args)

    def log_factor(self, value: Tensor) -> Tensor:
        """log f(v), shape (...,)."""
        own = (value * self.visible).sum(-1) + ((value @ self.among_visible) * value).sum(-1)
        return own + self.hidden_scores(value).logsumexp(-1)

    def hidden_scores(self, value: Tensor) -> Tensor:
        """What each state of the hidden units adds to log f(v, h), (..., 2^H)."""
        states = self.hidden_states()
        among = ((states @ self.among_hidden) * states).sum(-1)
        return (self.hidden + value @ self.weight) @ states.T + among

    def hidden_states(self) -> Tensor:
        """All states of the hidden units, (2^H, H)."""
        count = self.hidden.shape[-1]
        return bits(torch.arange(2**count, device=self.hidden.device), count, self.hidden)

    def hidden_draw(self, value: Tensor, key: Any = None) -> Tensor:
        """Hidden units given the visible: one of all their states."""
        scores = self.hidden_scores(value)
        noise = -torch.log(-torch.log(uniform(scores, key).clamp(min=1e-30)))
        return self.hidden_states()[(scores + noise).argmax(-1)]

    def transition(self, value: Tensor, key: Any = None, held: Tensor | None = None) -> Tensor:
        """A step of Gibbs sampling: h given v, then each of v given h and all others.

        Args:
            value: v, (..., D).
            key: a generator of torch's, or None for the one of all.
            held: which of v stay, of booleans; none without it.
        """
        pull = self.visible + self.hidden_draw(value, key) @ self.weight.T
        lateral = self.among_visible + self.among_visible.T
        noise, value = uniform(pull, key), value.clone()
        for unit in range(value.shape[-1]):
            chance = (pull[..., unit] + value @ lateral[unit]).sigmoid()
            drawn = (noise[..., unit] < chance).to(value.dtype)
            if held is not None:
                drawn = torch.where(held[..., unit], value[..., unit], drawn)
            value[..., unit] = drawn
        return value

    def reconstruct(self, value: Tensor) -> Tensor:
        """The chance of each unit given all others, h among them at its mean, (..., D)."""
        mean = self.hidden_scores(value).softmax(-1) @ self.hidden_states()
        lateral = self.among_visible + self.among_visible.T
        return (self.visible + mean @ self.weight.T + value @ lateral).sigmoid()

    def tempered(self, beta: Any, base: Self) -> Self:
        """The machine whose energy is beta times this one's and 1 - beta times the base's."""
        mixed = (
            beta * own + (1 - beta) * other
            for own, other in zip(self._energy(), base._energy(), strict=True)
        )
        return type(self)(*mixed, burn_in=self.burn_in, means=self.means)

    def _energy(self) -> tuple[Tensor, ...]:
        among = self.among_visible, self.among_hidden
        return (self.weight, self.visible, self.hidden, *among)

    def base(self, kind: Any = "data") -> Self:
        """Units without connections at which chains begin; `describe_base` says the kinds."""
        zeros = [torch.zeros_like(each) for each in self._energy()]
        zeros[1] = base_visible(kind, self.visible, self.means)
        return type(self)(*zeros, connected=False, burn_in=0, means=self.means)

    @torch.no_grad()
    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008  (as torch has it)
        """The ends of chains that begin at the base and take `burn_in` steps."""
        chance = (
            self.base()
            .visible.sigmoid()
            .expand(*sample_shape, *self.batch_shape, *self.event_shape)
        )
        value = (uniform(chance) < chance).to(chance.dtype)
        for _ in range(self.burn_in):
            value = self.transition(value)
        return value

    def log_partition(self) -> Tensor:
        """The constant log Z, by a sum over the states of all units.

        Raises:
            ValueError: if they are more than 20.
        """
        if not self.connected:
            return softplus(self.visible).sum() + softplus(self.hidden).sum()
        count = self.visible.shape[-1]
        check_all_countable(count, self.hidden.shape[-1])
        at_once = max(BLOCK - self.hidden.shape[-1], 0)
        return log_sum(self.log_factor, count, self.visible, at_once=at_once)
