"""The counting measure: a prior of log density zero, for what is scored elsewhere (torch)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from pyro.distributions import constraints
from torch import Tensor

from ppl_models.networks.energies.energy_law import BatchLaw


class CountingMeasure(BatchLaw):
    """A latent that weighs nothing by itself: log_prob = 0 at every value.

    It is for what another site scores: a layer of a machine whose energy lies at another site, or a
    corrupted copy of the data that a chain goes through. It says `normalised = False`, so that
    nothing that is made of it passes for a likelihood.

    Args:
        event_shape: shape of one value.
        draws: from a shape, batch and event, to values: what `sample` gives, such as the ends of
            chains.
        binary: whether its values are in {0, 1}, or else real.
    """

    arg_constraints: ClassVar[Any] = {}
    normalised = False

    def __init__(
        self,
        event_shape: Sequence[int],
        draws: Callable[[tuple[int, ...]], Tensor],
        *,
        binary: bool = True,
        validate_args: bool | None = None,
    ) -> None:
        self.draws, self.binary = draws, binary
        super().__init__(torch.Size(), torch.Size(event_shape), validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """{0, 1} or the real line, entry by entry."""
        kind: Any = constraints.boolean if self.binary else constraints.real
        return constraints.independent(kind, len(self.event_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Zero, of the value's leading shape."""
        leading = value.shape[: value.dim() - len(self.event_shape)]
        return torch.zeros(torch.broadcast_shapes(leading, self.batch_shape), device=value.device)

    @torch.no_grad()
    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008  (as torch has it)
        """What `draws` makes."""
        return self.draws((*sample_shape, *self.batch_shape, *self.event_shape))
