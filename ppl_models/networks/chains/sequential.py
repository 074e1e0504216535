"""Sequences of Gaussians that depend on what was drawn before, as one draw each (Pyro)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Tensor
from torch.distributions import Normal

Carry = tuple[Tensor, ...]


class Sequential(TorchDistribution):
    """A sequence z_1..z_T, each Gaussian given those before it.

        loc_t, scale_t, carry = propose(carry, inputs_t)
        z_t ~ Normal(loc_t, scale_t)
        carry = advance(carry, z_t)

    A draw remembers its means and scales, so that its own density costs no second pass. The
    density of any other value, a detached draw among them, runs the recurrence along that value.

    Args:
        propose: the mean and the scale of the next element, and the carry with whatever else was
            worked out on the way.
        advance: the carry after an element.
        carry: what the recurrence starts from; each entry has one dimension and may have leading
            ones.
        event_shape: T and the size of an element.
        batch_shape: shape of the independent sequences.
        inputs: what each step is shown, shape (..., T, size); None if nothing.
        inside: shape (..., T); steps where it is False are drawn, but add nothing to the density.
    """

    arg_constraints: Any = {}  # noqa: RUF012
    support: Any = constraints.independent(constraints.real, 2)
    has_rsample = True

    def __init__(
        self,
        propose: Callable[[Carry, Any], tuple[Tensor, Tensor, Carry]],
        advance: Callable[[Carry, Tensor], Carry],
        carry: Carry,
        event_shape: tuple[int, ...],
        batch_shape: tuple[int, ...],
        *,
        inputs: Tensor | None = None,
        inside: Tensor | None = None,
    ) -> None:
        self.propose, self.advance, self.carry = propose, advance, carry
        self.inputs, self.inside = inputs, inside
        self._drawn: tuple[Tensor, Tensor, Tensor] | None = None
        super().__init__(torch.Size(batch_shape), torch.Size(event_shape), validate_args=False)

    def expand(self, batch_shape: tuple[int, ...], _instance: Any = None) -> Sequential:
        """The same with more independent sequences."""
        return Sequential(
            self.propose,
            self.advance,
            self.carry,
            tuple(self.event_shape),
            batch_shape,
            inputs=self.inputs,
            inside=self.inside,
        )

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw sequences, shape (*sample_shape, *batch_shape, T, size)."""
        shape = (*sample_shape, *self.batch_shape)
        self._drawn = self._run(shape, lambda t, loc, scale: loc + scale * torch.randn_like(loc))
        return self._drawn[0]

    def log_prob(self, value: Tensor) -> Tensor:
        """log density of sequences, of the value's leading shape."""
        if self._drawn is not None and value is self._drawn[0]:
            _, loc, scale = self._drawn
        else:
            loc, scale = self._moments(value)
        score = Normal(loc, scale, validate_args=False).log_prob(value).sum(-1)
        if self.inside is not None:
            score = score.where(self.inside, 0.0)
        return score.sum(-1)

    def _moments(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Means and scales of each element of a given sequence."""
        shape = torch.broadcast_shapes(value.shape[:-2], self.batch_shape)
        _, loc, scale = self._run(shape, lambda t, loc, scale: value[..., t, :].expand_as(loc))
        return loc, scale

    def _run(
        self, shape: tuple[int, ...], choose: Callable[[int, Tensor, Tensor], Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        carry = tuple(part.expand(*shape, part.shape[-1]) for part in self.carry)
        steps = []
        for t in range(self.event_shape[0]):
            inputs = None if self.inputs is None else self.inputs[..., t, :]
            loc, scale, carry = self.propose(carry, inputs)
            z = choose(t, loc, scale)
            carry = self.advance(carry, z)
            steps.append((z, loc, scale))
        values, locs, scales = (torch.stack(parts, -2) for parts in zip(*steps, strict=True))
        return values, locs, scales


class Markov(Sequential):
    """A sequence whose elements depend on the one before and on nothing else that was drawn.

        z_t ~ Normal(transition(z_{t-1}, inputs_t)),   z_0 = start

    The density of a given sequence takes one call of `transition`, on all steps at once.

    Args:
        transition: mean and scale of an element, given the one before and what its step is shown;
            it takes any leading dimensions.
        start: z_0, shape (..., size).
        event_shape: T and the size of an element.
        batch_shape: shape of the independent sequences.
        inputs: what each step is shown, shape (..., T, size); None if nothing.
        inside: shape (..., T); steps where it is False are drawn, but add nothing to the density.
    """

    def __init__(
        self,
        transition: Callable[[Tensor, Any], tuple[Tensor, Tensor]],
        start: Tensor,
        event_shape: tuple[int, ...],
        batch_shape: tuple[int, ...],
        *,
        inputs: Tensor | None = None,
        inside: Tensor | None = None,
    ) -> None:
        self.transition, self.start = transition, start
        super().__init__(
            lambda carry, inputs: (*transition(carry[0], inputs), carry),
            lambda carry, z: (z,),
            (start,),
            event_shape,
            batch_shape,
            inputs=inputs,
            inside=inside,
        )

    def expand(self, batch_shape: tuple[int, ...], _instance: Any = None) -> Markov:
        """The same with more independent sequences."""
        return Markov(
            self.transition,
            self.start,
            tuple(self.event_shape),
            batch_shape,
            inputs=self.inputs,
            inside=self.inside,
        )

    def _moments(self, value: Tensor) -> tuple[Tensor, Tensor]:
        first = self.start.expand(*value.shape[:-2], value.shape[-1]).unsqueeze(-2)
        return self.transition(torch.cat([first, value[..., :-1, :]], -2), self.inputs)
