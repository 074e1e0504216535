"""Paths of discrete states: exact sums over them and draws of them, for Pyro pairs."""

from __future__ import annotations

from typing import Any

import pyro.distributions as dist
import torch
from torch import Size, Tensor
from torch.distributions import constraints


class MarkovChain(dist.TorchDistribution):
    """A path z_1, ..., z_T of discrete states, each step of which may be weighed by a factor.

        p(z) = initial(z_1) f_1(z_1) prod_{t > 1} transition(z_t | z_{t-1}) f_t(z_t) / C

    Without factors this is the chain itself. With f_t(z_t) = p(x_t | z_t) it is p(z | x), its
    normaliser C is p(x), found by the forward algorithm, and a draw is found by filtering backward
    and sampling forward (Rabiner 1989; Scott 2002). All of it happens on logarithms. States after
    the end of a sequence are uniform and depend on nothing, so that they change no sum.

    Args:
        log_initial: log probabilities, shape (S,).
        log_transition: log probabilities of the next state, shape (S, S).
        length: number of steps T.
        log_factors: log f, shape (..., T, S), finite; None for no factors.
        inside: which steps belong to their sequence, shape (..., T); None for all.
    """

    arg_constraints: Any = {"log_initial": constraints.real_vector}  # noqa: RUF012
    has_rsample = False

    def __init__(
        self,
        log_initial: Tensor,
        log_transition: Tensor,
        length: int,
        *,
        log_factors: Tensor | None = None,
        inside: Tensor | None = None,
        batch_shape: Any = None,
    ) -> None:
        self.log_initial, self.log_transition = log_initial, log_transition
        self.log_factors, self.inside = log_factors, inside
        shapes = [() if log_factors is None else log_factors.shape[:-2]]
        shapes.append(() if inside is None else inside.shape[:-1])
        batch = torch.broadcast_shapes(*shapes) if batch_shape is None else batch_shape
        super().__init__(Size(batch), Size((length,)), validate_args=False)

    @property
    def support(self) -> Any:
        """The states."""
        states = constraints.integer_interval(0, len(self.log_initial) - 1)
        return constraints.independent(states, 1)

    def expand(self, batch_shape: Any, _instance: Any = None) -> MarkovChain:
        """The same chain for more sequences."""
        return MarkovChain(
            self.log_initial,
            self.log_transition,
            self.event_shape[0],
            log_factors=self.log_factors,
            inside=self.inside,
            batch_shape=batch_shape,
        )

    @property
    def forward(self) -> Tensor:
        """log p(z_t, f_1, ..., f_t), shape (..., T, S)."""
        reached = [self.log_initial + self._factor(0)]
        for t in range(1, self.event_shape[0]):
            moved = (reached[-1].unsqueeze(-1) + self.log_transition).logsumexp(-2)
            ended = reached[-1].logsumexp(-1, keepdim=True) + self._uniform
            reached.append(self._where(t, moved + self._factor(t), ended))
        return torch.stack(torch.broadcast_tensors(*reached), -2)

    @property
    def backward(self) -> Tensor:
        """log p(f_t+1, ..., f_T | z_t), shape (..., T, S)."""
        ahead = [torch.zeros_like(self.log_initial)]
        for t in range(self.event_shape[0] - 1, 0, -1):
            onward = (self._factor(t) + ahead[-1]).unsqueeze(-2)
            moved = (self.log_transition + onward).logsumexp(-1)
            ahead.append(self._where(t, moved, torch.zeros_like(moved)))
        return torch.stack(torch.broadcast_tensors(*reversed(ahead)), -2)

    @property
    def log_normaliser(self) -> Tensor:
        """log C, the evidence of the factors."""
        return self.forward[..., -1, :].logsumexp(-1)

    @property
    def marginals(self) -> Tensor:
        """p(z_t), smoothed by all factors, shape (..., T, S)."""
        return (self.forward + self.backward).softmax(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(z) of paths, (..., T)."""
        z = value.long()
        first = self.log_initial[z[..., :1]]
        score = torch.cat([first, self.log_transition[z[..., :-1], z[..., 1:]]], -1)
        if self.log_factors is not None:
            factors = self.log_factors.expand(*z.shape, -1)
            score = score + factors.gather(-1, z.unsqueeze(-1)).squeeze(-1)
        if self.inside is not None:
            score = torch.where(self.inside, score, self._uniform)
        total = score.sum(-1)
        return total if self.log_factors is None else total - self.log_normaliser

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draw paths, integers."""
        with torch.no_grad():
            shape = (*sample_shape, *self.batch_shape)
            ahead = None if self.log_factors is None else self.backward
            path: list[Tensor] = []
            for t in range(self.event_shape[0]):
                move = self.log_initial if t == 0 else self.log_transition[path[-1]]
                logits = move + self._factor(t)
                if ahead is not None:
                    logits = logits + ahead[..., t, :]
                logits = self._where(t, logits, torch.zeros_like(logits))
                states = dist.Categorical(logits=logits.expand(*shape, -1), validate_args=False)
                path.append(states.sample())
            return torch.stack(path, -1)

    @property
    def _uniform(self) -> Tensor:
        return -self.log_initial.new_tensor(len(self.log_initial)).log()

    def _factor(self, t: int) -> Tensor:
        if self.log_factors is None:
            return torch.zeros_like(self.log_initial)
        return self.log_factors[..., t, :]

    def _where(self, t: int, inside: Tensor, after: Tensor) -> Tensor:
        """One value at a step that belongs to its sequence, another after the end."""
        if self.inside is None:
            return inside
        return torch.where(self.inside[..., t, None], inside, after)


class HiddenMarkov(dist.TorchDistribution):
    """x_1, ..., x_T emitted by the states of a chain, which are summed over.

    Args:
        chain: the chain, without factors.
        emission: p(x_t | z_t) of every state: batch shape (S,).
    """

    arg_constraints: Any = {}  # noqa: RUF012
    has_rsample = False

    def __init__(self, chain: MarkovChain, emission: dist.TorchDistribution) -> None:
        self.chain, self.emission = chain, emission
        event = (*chain.event_shape, *emission.event_shape)
        super().__init__(chain.batch_shape, Size(event), validate_args=False)

    @property
    def support(self) -> Any:
        """That of each step."""
        return constraints.independent(self.emission.support, 1)

    def expand(self, batch_shape: Any, _instance: Any = None) -> HiddenMarkov:
        """The same for more sequences."""
        return HiddenMarkov(self.chain.expand(batch_shape), self.emission)

    def posterior(self, value: Tensor) -> MarkovChain:
        """The chain with the factors p(x_t | z_t): p(z | x)."""
        each = value.unsqueeze(value.dim() - len(self.emission.event_shape))
        chain = self.chain
        return MarkovChain(
            chain.log_initial,
            chain.log_transition,
            chain.event_shape[0],
            log_factors=self.emission.log_prob(each),
            inside=chain.inside,
        )

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(x) by the forward algorithm."""
        return self.posterior(value).log_normaliser

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draw a path, and what it emits."""
        with torch.no_grad():
            z = self.chain.sample(sample_shape)
            every = self.emission.sample(z.shape)  # (..., T, S, *event)
            index = z.reshape(*z.shape, 1, *(1 for _ in self.emission.event_shape))
            return every.take_along_dim(index, z.dim()).squeeze(z.dim())
