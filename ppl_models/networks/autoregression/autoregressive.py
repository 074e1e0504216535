"""Distributions whose entries are drawn one after another, for Pyro pairs (torch)."""

from __future__ import annotations

import copy
import math
from typing import Any, ClassVar, Self

import pyro.distributions as dist
import torch
from torch import Size, Tensor
from torch.distributions import constraints

from ppl_models.networks.autoregression.masked_network import MaskedNetwork, drawn_or_held

__all__ = ["Autoregressive", "MaskedBernoulli", "MaskedMixture", "drawn_or_held"]

_ONE = Size()


class Autoregressive(dist.TorchDistribution):
    """A law of several entries, each given those of lower rank.

        p(x) = prod_i p(x_i | x_j : rank(j) < rank(i))

    A subclass gives `conditionals`, from which the density of a whole row comes at once,
    `complete`, which draws entry by entry, and `ranks`, in which the two have to agree. Entries of
    one rank are independent given those of lower ranks.
    """

    sequential: ClassVar[bool] = True
    arg_constraints: ClassVar[Any] = {}
    support: Any = constraints.independent(constraints.boolean, 1)
    has_rsample = False

    def __init__(
        self, batch_shape: Any, event_shape: Any, *, validate_args: bool | None = None
    ) -> None:
        self._kept: list[Any] = []  # shared by the same law for more data
        super().__init__(batch_shape, event_shape, validate_args=validate_args)

    @property
    def ranks(self) -> Tensor:
        """The rank of each entry in the order of drawing, of the event's shape."""
        raise NotImplementedError

    def conditionals(self, inputs: Tensor) -> Any:
        """The law of every entry given the entries of `inputs` before it."""
        raise NotImplementedError

    def features(self, inputs: Tensor) -> Tensor:
        """The hidden states from which the conditionals are made, (..., size)."""
        raise NotImplementedError

    def complete(
        self, values: Tensor, held: Tensor, temperature: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Draw what is not held, and the log probability of what is given what came before.

        Args:
            values: what the held entries are, (..., *event).
            held: which these are, of the same shape.
            temperature: of each conditional: its log odds are divided by it.

        Returns:
            The rows, (..., *event), and sum of log p(held entry | entries before it), (...): rows
            with weights of its exponential follow p(what is not held | what is), and all weigh the
            same where the held entries come first.
        """
        raise NotImplementedError

    def expand(self, batch_shape: Any, _instance: Any = None) -> Self:
        """The same law for more data."""
        twin = copy.copy(self)
        twin._kept = self._kept
        twin._batch_shape = Size(batch_shape)
        return twin

    def sample(self, sample_shape: Any = _ONE) -> Tensor:
        """Draw all entries, one after another."""
        shape = self._extended_shape(Size(sample_shape))
        with torch.no_grad():
            start = self._zeros(shape)
            return self.complete(start, torch.zeros_like(start, dtype=torch.bool))[0]

    def _zeros(self, shape: Any) -> Tensor:
        """Zeros of the kind that the law's parameters are."""
        raise NotImplementedError

    def log_prob(self, value: Tensor) -> Tensor:
        """log p of whole rows, all entries at once."""
        if self._validate_args:
            self._validate_sample(value)
        return self._given(value).log_prob(value)

    def mean_given(self, value: Tensor) -> Tensor:
        """The mean of each entry given those before it; the next `log_prob` of `value` costs less.

        A model returns this mean, and is scored at the same value right after.
        """
        given = self.conditionals(value)
        self._kept[:] = value, value._version, torch.is_grad_enabled(), given
        return given.mean

    def _given(self, value: Tensor) -> Any:
        """The conditionals on a value, those of the last mean if it was of the same."""
        last = tuple(self._kept)
        self._kept.clear()
        if last and last[0] is value and last[1:3] == (value._version, torch.is_grad_enabled()):
            return last[3]
        return self.conditionals(value)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy holds: values that belong to a graph cannot be copied."""
        return {**self.__dict__, "_kept": []}


class MaskedBernoulli(Autoregressive):
    """Binary entries by a masked network.

    Args:
        network: the network.
        component: which of its orders and masks.
        batch_shape: shape of the independent rows.
    """

    def __init__(
        self, network: MaskedNetwork, component: int, batch_shape: tuple[int, ...]
    ) -> None:
        self.network, self.component = network, component
        super().__init__(Size(batch_shape), Size((network.connections.dim,)))

    @property
    def ranks(self) -> Tensor:
        """The rank of each entry, (dim,)."""
        return self.network.ranks(self.component)

    def conditionals(self, inputs: Tensor) -> Any:
        """Bernoulli laws of all entries, batch shape (...,), from inputs (..., dim)."""
        return dist.Bernoulli(logits=self.network.logits(inputs, self.component)).to_event(1)

    def features(self, inputs: Tensor) -> Tensor:
        """The last hidden layer, (..., size); the inputs where there is none."""
        return self.network.features(inputs, self.component)

    def complete(
        self, values: Tensor, held: Tensor, temperature: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Draw what is not held; each hidden unit is computed once, when it can be."""
        noise = torch.logit(torch.rand_like(values))
        return self.network.complete(values, held, noise, temperature, self.component)

    def _zeros(self, shape: Any) -> Tensor:
        return next(self.network.parameters()).new_zeros(shape)


class MaskedMixture(Autoregressive):
    """The mean of several masked networks' probabilities of whole rows.

        p(x) = 1/M sum_m p_m(x)

    (Germain et al. 2015, section 6.2: probabilities are averaged, not their logarithms.) A row is
    drawn by one of the networks in its own order.
    """

    def __init__(self, network: MaskedNetwork, batch_shape: tuple[int, ...]) -> None:
        self.network = network
        super().__init__(Size(batch_shape), Size((network.connections.dim,)))

    @property
    def components(self) -> tuple[MaskedBernoulli, ...]:
        """The networks' own laws."""
        count = self.network.connections.count
        return tuple(MaskedBernoulli(self.network, n, self.batch_shape) for n in range(count))

    @property
    def ranks(self) -> Tensor:
        """The rank of each entry, (dim,), where the order is the same in all networks."""
        self.network.connections.check_one_order()
        return self.network.ranks(0)

    def conditionals(self, inputs: Tensor) -> Any:
        """Laws of all entries given those before, where all networks have one order.

        Each network counts for as much as it finds the entries before likely.
        """
        ranks = self.ranks
        logits = torch.stack(
            [each.network.logits(inputs, each.component) for each in self.components]
        )
        each = dist.Bernoulli(logits=logits).log_prob(inputs)[..., ranks.argsort()]
        before = (each.cumsum(-1) - each)[..., ranks]
        probs = (before.softmax(0) * logits.sigmoid()).sum(0).clamp(0, 1)
        return dist.Bernoulli(probs=probs).to_event(1)

    def features(self, inputs: Tensor) -> Tensor:
        """The last hidden layers of all networks side by side."""
        return torch.cat([each.features(inputs) for each in self.components], -1)

    def complete(
        self, values: Tensor, held: Tensor, temperature: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Draw what is not held, each row by one of the networks."""
        chosen = torch.randint(len(self.components), values.shape[:-1], device=values.device)
        drawn, log_weight = torch.zeros_like(values), values.new_zeros(values.shape[:-1])
        for each in self.components:
            here = chosen == each.component
            if here.any():
                fixed = held.expand(values.shape)[here]
                drawn[here], log_weight[here] = each.complete(values[here], fixed, temperature)
        return drawn, log_weight

    def log_prob(self, value: Tensor) -> Tensor:
        """log of the mean of the networks' probabilities of whole rows."""
        if self._validate_args:
            self._validate_sample(value)
        each = torch.stack([part.conditionals(value).log_prob(value) for part in self.components])
        return each.logsumexp(0) - math.log(len(each))

    def mean_given(self, value: Tensor) -> Tensor:
        """Each entry's mean given those before it in each network's order, averaged."""
        means = [self.network.logits(value, part.component).sigmoid() for part in self.components]
        return torch.stack(means).mean(0)

    def _zeros(self, shape: Any) -> Tensor:
        return next(self.network.parameters()).new_zeros(shape)
