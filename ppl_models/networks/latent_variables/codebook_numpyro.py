"""Vectors of a codebook as values of a latent, and the estimator that passes them by (jax)."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax import Array
from numpyro.distributions import constraints

# Its arguments are not typed.
_dependent: Any = constraints.dependent_property


class Rows(constraints.Constraint):
    """Values whose rows are each one of a codebook's."""

    is_discrete = True
    event_dim = 2  # pyright: ignore[reportIncompatibleVariableOverride, reportAssignmentType]

    def __init__(self, codebook: Array) -> None:
        self.codebook = codebook

    def __call__(self, x: Any) -> Any:
        """Whether each value, event shape (P, D), is one."""
        return (x[..., None, :] == self.codebook).all(-1).any(-1).all(-1)

    def tree_flatten(self) -> Any:
        """The codebook, for jax."""
        return (self.codebook,), (("codebook",), {})


class Codes(dist.Distribution):
    """At each of P positions one of the K rows of a codebook: see `codebook.Codes`.

    Args:
        codebook: (K, D).
        positions: P.
    """

    arg_constraints: ClassVar[Any] = {}
    pytree_data_fields = ("codebook",)

    def __init__(
        self, codebook: Array, positions: int, *, validate_args: bool | None = None
    ) -> None:
        self.codebook = codebook
        super().__init__((), (positions, codebook.shape[-1]), validate_args=validate_args)

    @_dependent(is_discrete=True, event_dim=2)
    def support(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Rows of the codebook."""
        return Rows(self.codebook)

    @property
    def has_rsample(self) -> bool:
        """No draw carries a gradient."""
        return False

    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        """-P log K, or -inf, of the value's leading shape."""
        del intermediates
        found = Rows(self.codebook)(jnp.asarray(value))
        return jnp.where(found, -self.event_shape[0] * math.log(len(self.codebook)), -jnp.inf)

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> Array:
        """Rows of the codebook."""
        shape = (*sample_shape, *self.batch_shape, self.event_shape[0])
        return self.codebook[jax.random.randint(key, shape, 0, len(self.codebook))]


def nearest(codebook: Array, place: Array) -> Array:
    """Index of the row of the codebook, (K, D), that is nearest to each place, (..., D)."""
    apart = (codebook**2).sum(-1) - 2 * place @ codebook.T  # but for a constant
    return apart.argmin(-1)


def straight_through(code: Array, place: Array) -> Array:
    """The code, exactly, with the place's gradient (Bengio et al. 2013, arXiv:1308.3432)."""
    return jax.lax.stop_gradient(code) + (place - jax.lax.stop_gradient(place))
