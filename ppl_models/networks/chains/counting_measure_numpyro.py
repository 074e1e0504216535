"""The counting measure: a prior of log density zero, for what is scored elsewhere (jax)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import jax.numpy as jnp
import numpyro.distributions as dist
from jax import Array
from numpyro.distributions import constraints

# Its arguments are not typed.
_dependent: Any = constraints.dependent_property


class CountingMeasure(dist.Distribution):
    """A latent that weighs nothing by itself: see `counting_measure.CountingMeasure`.

    Args:
        event_shape: shape of one value.
        draws: from a key and a shape, batch and event, to values.
        binary: whether its values are in {0, 1}, or else real.
    """

    arg_constraints: ClassVar[Any] = {}
    normalised = False
    pytree_aux_fields = ("draws", "binary")

    def __init__(
        self,
        event_shape: Sequence[int],
        draws: Callable[[Any, tuple[int, ...]], Array],
        *,
        binary: bool = True,
        validate_args: bool | None = None,
    ) -> None:
        self.draws, self.binary = draws, binary
        super().__init__((), tuple(event_shape), validate_args=validate_args)

    @_dependent(is_discrete=True, event_dim=1)
    def support(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """{0, 1} or the real line, entry by entry."""
        kind: Any = constraints.boolean if self.binary else constraints.real
        return constraints.independent(kind, len(self.event_shape))

    @property
    def has_rsample(self) -> bool:
        """No draw carries a gradient."""
        return False

    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        """Zero, of the value's leading shape."""
        del intermediates
        return jnp.zeros(jnp.shape(value)[: jnp.ndim(value) - len(self.event_shape)])

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> Array:
        """What `draws` makes."""
        return self.draws(key, (*sample_shape, *self.batch_shape, *self.event_shape))
