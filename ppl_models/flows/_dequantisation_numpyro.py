"""Grey levels as cells of a continuous image, and noise within them; NumPyro (jax)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from flax import nnx
from numpyro.distributions import constraints

from ppl_models.flows._density_numpyro import FlowDistribution, FlowNetwork
from ppl_models.flows._plan import UNIFORM_SCALE, Plan
from ppl_models.flows._steps_numpyro import Rescaling, steps_of
from ppl_models.networks.observations.likelihoods_numpyro import GreyLevels

ROUNDING = 1e-3  # of a cell: what single precision may lose of a value within it


class Quantised(dist.Distribution):
    """The grey levels of an image: see `_dequantisation.Quantised`."""

    arg_constraints: Any = {}  # noqa: RUF012
    point = True  # all its mass lies at one value
    pytree_data_fields = ("v",)
    pytree_aux_fields = ("levels",)

    def __init__(self, v: jax.Array, levels: int) -> None:
        self.v, self.levels = v, levels
        super().__init__(v.shape[:-1], v.shape[-1:], validate_args=False)

    @constraints.dependent_property(is_discrete=True, event_dim=1)  # pyright: ignore[reportArgumentType]
    def support(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The grey levels."""
        return constraints.independent(GreyLevels(self.levels), 1)

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> jax.Array:
        """The levels."""
        return jnp.broadcast_to(jax.lax.stop_gradient(self.mean), (*sample_shape, *self.v.shape))

    def log_prob(self, value: Any, intermediates: Any = None) -> jax.Array:
        """0 or -inf, of the leading shape."""
        k = jnp.round(value * (self.levels - 1))
        inner = jnp.clip(self.levels * self.v, 0.5, self.levels - 0.5)
        right = (jnp.abs(inner - k - 0.5) <= 0.5 + ROUNDING).all(-1)
        return jnp.where(right, 0.0, -jnp.inf).astype(self.v.dtype)

    @property
    def mean(self) -> jax.Array:
        """The levels, with the gradient of v."""
        k = jnp.clip(jnp.floor(self.levels * self.v), 0, self.levels - 1)
        return self.v + jax.lax.stop_gradient(k / (self.levels - 1) - self.v)


class Cell:
    """A network of noise as one of images in given cells: see `_dequantisation.Cell`."""

    def __init__(self, network: Callable[..., Any], x: jax.Array, levels: int) -> None:
        self.network, self.levels = network, levels
        self.k = jnp.round(x * (levels - 1))

    def __call__(self, way: str, *given: Any) -> Any:
        """`to_noise` or `to_data` with the cell between; else as the network."""
        if way == "to_noise":
            v, context = given
            e = jnp.clip(self.levels * v - self.k, 1e-6, 1 - 1e-6)
            r = jnp.log(e) - jnp.log1p(-e)
            u, log_volume = self.network("to_noise", r, context)
            return u, log_volume - self._log_slope(r)
        if way == "to_data":
            r, log_volume = self.network("to_data", *given)
            return (self.k + nnx.sigmoid(r)) / self.levels, log_volume + self._log_slope(r)
        return self.network(way, *given)

    def _log_slope(self, r: jax.Array) -> jax.Array:
        log_slope = jax.nn.log_sigmoid(r) + jax.nn.log_sigmoid(-r)
        return (log_slope - math.log(self.levels)).sum(-1)


def noise_network(plan: Plan, rngs: nnx.Rngs) -> FlowNetwork:
    """A flow whose sigmoid starts as nearly uniform."""
    steps = list(steps_of(plan, rngs))
    for step in steps:
        if isinstance(step, Rescaling):
            step.log_scale[...] = jnp.full(plan.dim, math.log(UNIFORM_SCALE))
    return FlowNetwork(steps)


def uniform(x: jax.Array, levels: int) -> dist.Distribution:
    """An image that is anywhere in the cells of its levels."""
    k = jnp.round(x * (levels - 1))
    return dist.Uniform(k / levels, (k + 1) / levels, validate_args=False).to_event(1)


def proposal(
    network: Callable[..., Any], x: jax.Array, y: jax.Array | None, levels: int
) -> FlowDistribution:
    """An image in the cells of its levels, by a flow that is given them, and the condition."""
    seen = 2 * x - 1
    context = seen if y is None else jnp.concatenate([seen, y], axis=-1)
    within = Cell(network, x, levels)
    support = constraints.independent(
        constraints.interval(within.k / levels, (within.k + 1) / levels), 1
    )
    return FlowDistribution(within, context, x.shape[:-1], x.shape[-1], support=support)
