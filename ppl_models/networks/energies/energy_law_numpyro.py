"""What laws known up to a constant share: their density, where chains begin (jax)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax import Array, lax
from jax.nn import logsumexp, sigmoid
from numpyro.distributions.util import validate_sample

from ppl_models.networks.energies.energy_arguments import describe_base


class EnergyLaw(dist.Distribution):
    """log p(v) = log f(v), less log Z where that is summed: see `energy_law.EnergyLaw`."""

    normalised: bool

    @property
    def has_rsample(self) -> bool:
        """No draw carries a gradient: it is the end of a chain."""
        return False

    def log_factor(self, value: Any) -> Array:
        """log f(v), shape (...,): up to a constant the log density."""
        raise NotImplementedError

    def log_partition(self) -> Array:
        """The constant log Z."""
        raise NotImplementedError

    @validate_sample
    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        """log f(v), less the constant where that is summed."""
        del intermediates
        found = self.log_factor(value)
        return found - self.log_partition() if self.normalised else found


def means_like(means: Any, like: Array) -> Array | None:
    """Means of units, where they are known, in another array's type."""
    return None if means is None else jnp.asarray(means, like.dtype)


def base_visible(
    kind: Any, visible: Array, means: Array | None, precision: Array | None = None
) -> Array:
    """Natural parameters of the visible units where chains begin: see `energy_law`."""
    binary, units = precision is None, visible.shape[-1]
    known = describe_base(kind, units=units, binary=binary, knows_means=means is not None)
    if known == "uniform":
        return jnp.zeros_like(visible)
    if known == "own":
        return visible
    chosen = jnp.asarray(means if known == "data" else kind, visible.dtype)
    return log_odds(chosen) if precision is None else chosen * precision


def log_odds(chances: Array) -> Array:
    """Log odds of chances that are kept off 0 and 1."""
    kept = jnp.clip(chances, 0.01, 0.99)
    return jnp.log(kept) - jnp.log1p(-kept)


def log_sum(term: Callable[[Array], Array], count: int, dtype: Any, *, at_once: int) -> Array:
    """The log of the sum of exp(term) over all states of binary units.

    Args:
        term: from states, (S, count), to log terms, (..., S).
        count: how many units.
        dtype: of the states.
        at_once: units whose states make a block, of which one is in memory at a time.
    """
    block = min(count, at_once)

    def part(high: Array) -> Array:
        states = bits(jnp.arange(2**block) + high * 2**block, count, dtype)
        return logsumexp(term(states), axis=-1)

    return logsumexp(lax.map(jax.checkpoint(part), jnp.arange(2 ** (count - block))), axis=0)


@jax.custom_jvp
def softplus(x: Array) -> Array:
    """log(1 + e^x); its slope is written out, as that of `jax.nn` costs 4 % of a step."""
    return jnp.maximum(x, 0) + jnp.log1p(jnp.exp(-jnp.abs(x)))


@softplus.defjvp
def _slope(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    return softplus(primals[0]), sigmoid(primals[0]) * tangents[0]


def bits(numbers: Array, count: int, dtype: Any) -> Array:
    """The binary digits of numbers, (..., count)."""
    return ((numbers[..., None] >> jnp.arange(count)) & 1).astype(dtype)
