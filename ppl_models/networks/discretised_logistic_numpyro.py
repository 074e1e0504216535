"""A logistic variable rounded to grey levels, for NumPyro pairs (Salimans et al. 2017)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax import random
from numpyro.distributions import constraints


class _GreyLevels(constraints.Constraint):
    is_discrete = True

    def __init__(self, levels: int) -> None:
        self.levels = levels

    def __call__(self, x: Any) -> Any:
        level = x * (self.levels - 1)
        whole = abs(level - level.round()) < 1e-3  # by numpy, for numpy arrays, inside a jit too
        return whole & (level > -0.5) & (level < self.levels - 0.5)

    def tree_flatten(self) -> Any:
        return (), ((), {"levels": self.levels})


class DiscretisedLogistic(dist.Distribution):
    """The level k / (levels - 1) nearest to a Logistic(loc, scale) draw.

    With F the distribution function of the logistic and h half the distance of two levels,

        P(x) = F(x + h) - F(x - h),   F(0 - h) taken as 0 and F(1 + h) as 1,

    so that the levels' probabilities sum to 1 (Salimans et al. 2017, arXiv:1701.05517).

    Args:
        loc: location, on the scale of x.
        scale: positive, shape broadcastable to that of loc.
        levels: how many levels there are between 0 and 1, both included.
    """

    arg_constraints: Any = {"loc": constraints.real, "scale": constraints.positive}  # noqa: RUF012
    pytree_data_fields = ("loc", "scale")
    pytree_aux_fields = ("levels",)

    def __init__(
        self, loc: Any, scale: Any, levels: int = 256, *, validate_args: bool | None = None
    ) -> None:
        self.loc, self.scale = jnp.broadcast_arrays(loc, scale)
        self.levels = levels
        super().__init__(self.loc.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)  # pyright: ignore[reportArgumentType]
    def support(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The grey levels."""
        return _GreyLevels(self.levels)

    def sample(self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> jax.Array:
        """Draw levels."""
        assert key is not None
        noise = random.logistic(key, sample_shape + self.batch_shape, self.loc.dtype)
        draw = jax.lax.stop_gradient(self.loc + self.scale * noise)
        return jnp.clip(jnp.round(draw * (self.levels - 1)), 0, self.levels - 1) / (self.levels - 1)

    def log_prob(self, value: Any, intermediates: Any = None) -> jax.Array:
        """log P(x); exact in the tails too, as no two probabilities are subtracted."""
        if self._validate_args:
            self._validate_sample(value)
        half = 0.5 / (self.levels - 1)
        below = jax.nn.log_sigmoid((value + half - self.loc) / self.scale)
        above = jax.nn.log_sigmoid((self.loc - value + half) / self.scale)
        between = jnp.log(-jnp.expm1(-2 * half / self.scale))
        lowest, highest = value < half, value > 1 - half
        return (
            jnp.where(highest, 0.0, below)
            + jnp.where(lowest, 0.0, above)
            + jnp.where(lowest | highest, 0.0, between)
        )

    @property
    def mean(self) -> jax.Array:
        """The mean of the logistic draw cut off at 0 and 1; within half a level of that of x."""
        upper = jax.nn.softplus(self.loc / self.scale)
        return self.scale * (upper - jax.nn.softplus((self.loc - 1) / self.scale))
