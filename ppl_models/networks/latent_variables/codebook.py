"""Vectors of a codebook as values of a latent, and the estimator that passes them by (torch)."""

from __future__ import annotations

import copy
import math
from typing import Any, ClassVar, Self

import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Tensor


class Rows(constraints.Constraint):
    """Values whose rows are each one of a codebook's."""

    is_discrete, event_dim = True, 2

    def __init__(self, codebook: Tensor) -> None:
        self.codebook = codebook

    def check(self, value: Tensor) -> Tensor:
        """Whether each value, event shape (P, D), is one."""
        return (value[..., None, :] == self.codebook).all(-1).any(-1).all(-1)


class Codes(TorchDistribution):
    """At each of P positions one of the K rows of a codebook, all equally likely.

    log_prob(z) = -P log K where every row of z, shape (P, D), is one of the codebook's, else -inf:
    a probability, not a density.

    Args:
        codebook: (K, D).
        positions: P.
    """

    arg_constraints: ClassVar[Any] = {}
    has_rsample = False

    def __init__(
        self, codebook: Tensor, positions: int, *, validate_args: bool | None = None
    ) -> None:
        self.codebook = codebook
        event = torch.Size((positions, codebook.shape[-1]))
        super().__init__(torch.Size(), event, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=2)
    def support(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Rows of the codebook."""
        return Rows(self.codebook)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Self:
        """The same for each row of a batch."""
        del _instance
        twin = copy.copy(self)
        twin._batch_shape = torch.Size(batch_shape)
        return twin

    def log_prob(self, value: Tensor) -> Tensor:
        """-P log K, or -inf, of the value's leading shape."""
        found = Rows(self.codebook).check(value)
        shape = torch.broadcast_shapes(found.shape, self.batch_shape)
        each = -self.event_shape[0] * math.log(len(self.codebook))
        return torch.where(found, each, -math.inf).to(self.codebook).expand(shape)

    @torch.no_grad()
    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008  (as torch has it)
        """Rows of the codebook."""
        shape = (*sample_shape, *self.batch_shape, self.event_shape[0])
        chosen = torch.randint(len(self.codebook), shape, device=self.codebook.device)
        return self.codebook[chosen]


def nearest(codebook: Tensor, place: Tensor) -> Tensor:
    """Index of the row of the codebook, (K, D), that is nearest to each place, (..., D)."""
    apart = (codebook**2).sum(-1) - 2 * place @ codebook.T  # but for a constant
    return apart.argmin(-1)


def straight_through(code: Tensor, place: Tensor) -> Tensor:
    """The code, exactly, with the place's gradient (Bengio et al. 2013, arXiv:1308.3432)."""
    return code.detach() + (place - place.detach())
