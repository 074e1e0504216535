"""What laws known up to a constant share: batches, their density, where chains begin (torch)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Self

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ppl_models.networks.energies.energy_arguments import describe_base


class BatchLaw(TorchDistribution):
    """A law that is the same for each row of a batch, and whose draws carry no gradient."""

    has_rsample = False

    def expand(self, batch_shape: Any, _instance: Any = None) -> Self:
        """The same law for each row of a batch."""
        del _instance
        twin = copy.copy(self)
        twin._batch_shape = torch.Size(batch_shape)
        return twin


class EnergyLaw(BatchLaw):
    """log p(v) = log f(v), less log Z where that is summed.

    Attributes:
        normalised: whether it is.
    """

    normalised: bool

    def log_factor(self, value: Tensor) -> Tensor:
        """log f(v), shape (...,): up to a constant the log density."""
        raise NotImplementedError

    def log_partition(self) -> Tensor:
        """The constant log Z."""
        raise NotImplementedError

    def log_prob(self, value: Tensor) -> Tensor:
        """log f(v), less the constant where that is summed."""
        if self._validate_args:
            self._validate_sample(value)
        found = self.log_factor(value)
        found = found - self.log_partition() if self.normalised else found
        return found.expand(torch.broadcast_shapes(found.shape, self.batch_shape))


def means_like(means: Any, like: Tensor) -> Tensor | None:
    """Means of units, where they are known, as a tensor of another's type and device."""
    return None if means is None else torch.as_tensor(means).to(like)


def base_kind(kind: Any, *, units: int, binary: bool, knows_means: bool) -> str:
    """Where chains begin; see `describe_base`. An array of means may be a tensor."""
    plain = kind if isinstance(kind, str) else torch.as_tensor(kind).numpy(force=True)
    return describe_base(plain, units=units, binary=binary, knows_means=knows_means)


def base_visible(
    kind: Any, visible: Tensor, means: Tensor | None, precision: Tensor | None = None
) -> Tensor:
    """Natural parameters of the visible units where chains begin, (..., D).

    Args:
        kind: as of `describe_base`.
        visible: those of the law itself.
        means: mean of the training data, (D,); None where it is not known.
        precision: of real units, (D,); None for binary ones.
    """
    binary, units = precision is None, visible.shape[-1]
    known = base_kind(kind, units=units, binary=binary, knows_means=means is not None)
    if known == "uniform":
        return torch.zeros_like(visible)
    if known == "own":
        return visible
    chosen = torch.as_tensor(means if known == "data" else kind).to(visible)
    return log_odds(chosen) if precision is None else chosen * precision


def log_odds(chances: Tensor) -> Tensor:
    """Log odds of chances that are kept off 0 and 1."""
    kept = chances.clamp(0.01, 0.99)
    return kept.log() - torch.log1p(-kept)


def log_sum(term: Callable[[Tensor], Tensor], count: int, like: Tensor, *, at_once: int) -> Tensor:
    """The log of the sum of exp(term) over all states of binary units.

    A block of states that is not the only one is worked out again for the gradient, so that memory
    is that of one block.

    Args:
        term: from states, (S, count), to log terms, (..., S).
        count: how many units.
        like: of whose type and on whose device states are.
        at_once: units whose states make a block.
    """
    size = 2 ** min(count, at_once)

    def part(first: int) -> Tensor:
        numbers = torch.arange(first, first + size, device=like.device)
        return term(bits(numbers, count, like)).logsumexp(-1)

    firsts = range(0, 2**count, size)
    if len(firsts) == 1:
        return part(0)
    return torch.stack([checkpoint(part, i, use_reentrant=False) for i in firsts]).logsumexp(0)  # pyright: ignore[reportArgumentType, reportCallIssue]


def uniform(like: Tensor, key: Any = None) -> Tensor:
    """Uniform noise in the shape of a tensor."""
    return torch.rand(like.shape, generator=key, dtype=like.dtype, device=like.device)


def bits(numbers: Tensor, count: int, like: Tensor) -> Tensor:
    """The binary digits of numbers, (..., count)."""
    return ((numbers[..., None] >> torch.arange(count, device=numbers.device)) & 1).to(like)
