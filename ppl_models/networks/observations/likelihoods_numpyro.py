"""What a decoder's output says about x, for NumPyro pairs (jax)."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax import random
from numpyro.distributions import constraints

from ppl_models.networks.arguments import NETWORK_VARIANCE, check_likelihood


class Likelihood:
    """The distribution of x given the decoder's output: see `likelihoods.Likelihood`.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        kind: str,
        data_dim: int,
        noise_scale: float,
        levels: int = 256,
        *,
        network_variance: bool = False,
    ) -> None:
        check_likelihood(kind, noise_scale, levels, network_variance=network_variance)
        self.outputs = data_dim * (2 if kind == NETWORK_VARIANCE else 1)
        self.kind, self.noise_scale, self.levels = kind, noise_scale, levels
        self.log_scale = jnp.full(data_dim, math.log(noise_scale))

    def _scale(self) -> jax.Array:
        return jnp.exp(jnp.asarray(numpyro.param("likelihood.log_scale", self.log_scale)))

    def __call__(self, output: jax.Array) -> dist.Distribution:
        """The distribution of x, batch shape (...,), given outputs (..., data_dim)."""
        if self.kind == "bernoulli":
            return dist.Bernoulli(logits=output).to_event(1)
        if self.kind == "gaussian":
            return dist.Normal(output, self.noise_scale).to_event(1)
        if self.kind == "learned-variance":
            return dist.Normal(output, self._scale()).to_event(1)
        if self.kind == NETWORK_VARIANCE:
            mean, spread = jnp.split(output, 2, axis=-1)
            return dist.Normal(mean, self.noise_scale + jax.nn.softplus(spread)).to_event(1)
        return DiscretisedLogistic(output, self._scale(), self.levels).to_event(1)


class Classes:
    """x is one of data_dim classes, as one-hot, given logits; a row of zeros is not known."""

    kind = "categorical"

    def __call__(self, output: jax.Array) -> dist.Distribution:
        """The distribution of x, batch shape (...,), given logits (..., data_dim)."""
        return dist.Multinomial(total_count=1, logits=output)

    def observed(self, fn: dist.Distribution, x: jax.Array) -> tuple[dist.Distribution, jax.Array]:
        """The distribution without the rows that are not known, and x with some class in these."""
        known = x.sum(-1) > 0
        first = jnp.eye(x.shape[-1], dtype=x.dtype)[0]
        return fn.mask(known), jnp.where(known[..., None], x, first)


class GreyLevels(constraints.Constraint):
    """The multiples of 1 / (levels - 1) from 0 to 1."""

    is_discrete = True

    def __init__(self, levels: int) -> None:
        self.levels = levels

    def __call__(self, x: Any) -> Any:
        """Whether each value is one."""
        level = x * (self.levels - 1)
        whole = abs(level - level.round()) < 1e-3  # by numpy, for numpy arrays, inside a jit too
        return whole & (level > -0.5) & (level < self.levels - 0.5)

    def tree_flatten(self) -> Any:
        """The number of levels, for jax."""
        return (), ((), {"levels": self.levels})


class DiscretisedLogistic(dist.Distribution):
    """The level nearest to a Logistic(loc, scale) draw: see `likelihoods.DiscretisedLogistic`."""

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
        return GreyLevels(self.levels)

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
