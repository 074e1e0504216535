"""A density through an invertible map: x to u and the volume in one pass; NumPyro (flax NNX)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import random
from numpyro.distributions import Distribution, constraints

from ppl_models.flows._maps_numpyro import Mapped
from ppl_models.flows._steps_numpyro import Step

_LOG_TWO_PI = math.log(2 * math.pi)


class Mixture(nnx.Module):
    """u ~ sum over k of w_k Normal(means_k, exp(log_scales_k)): see `_density.Mixture`."""

    def __init__(self, components: int, dim: int, rngs: nnx.Rngs) -> None:
        self.weight_logits = nnx.Param(jnp.zeros(components))
        self.means = nnx.Param(random.normal(rngs.params(), (components, dim)))
        self.log_scales = nnx.Param(jnp.zeros((components, dim)))

    def log_p(self, u: jax.Array) -> jax.Array:
        """log p(u), shape (...)."""
        log_scales = self.log_scales[...]
        gaps = (u[..., None, :] - self.means[...]) * jnp.exp(-log_scales)
        each = -0.5 * gaps**2 - log_scales - 0.5 * _LOG_TWO_PI
        weights = jax.nn.log_softmax(self.weight_logits[...])
        return jax.nn.logsumexp(each.sum(-1) + weights, axis=-1)

    def draw(self, key: Any, noise: jax.Array) -> jax.Array:
        """u of standard normal noise, and of a component drawn beside it."""
        k = random.categorical(key, self.weight_logits[...], shape=noise.shape[:-1])
        return self.means[...][k] + jnp.exp(self.log_scales[...])[k] * noise


class FlowNetwork(nnx.Module):
    """The steps of a flow, those next to the data first, and the law of the noise.

    Args:
        steps: of one flow.
        base: of the noise; None for a standard normal.
    """

    def __init__(self, steps: Iterable[Step], base: Mixture | None = None) -> None:
        self.steps = nnx.List(steps)
        self.base = base

    def __call__(self, way: str, *given: Any) -> Any:
        """`to_noise`, `to_data`, `log_base` or `noise`; a module of NumPyro's is called."""
        return getattr(self, way)(*given)

    def to_noise(self, x: jax.Array, context: jax.Array | None) -> Mapped:
        """u, shape (..., D), and log |du/dx|, shape (...)."""
        total = jnp.zeros(x.shape[:-1], x.dtype)
        for step in self.steps:
            x, log_volume = step.to_noise(x, context)
            total = total + log_volume
        return x, total

    def to_data(self, u: jax.Array, context: jax.Array | None) -> Mapped:
        """x, shape (..., D), and log |dx/du|, shape (...)."""
        total = jnp.zeros(u.shape[:-1], u.dtype)
        for step in reversed(list(self.steps)):
            u, log_volume = step.to_data(u, context)
            total = total + log_volume
        return u, total

    def log_base(self, u: jax.Array) -> jax.Array:
        """log p(u), shape (...)."""
        if self.base is not None:
            return self.base.log_p(u)
        return -0.5 * (u**2 + _LOG_TWO_PI).sum(-1)

    def noise(self, key: Any, shape: tuple[int, ...]) -> jax.Array:
        """Draws of u."""
        of_noise, of_base = random.split(key)
        noise = random.normal(of_noise, shape)
        return noise if self.base is None else self.base.draw(of_base, noise)


class FlowDistribution(Distribution):
    """The law of x = f(u), u ~ the network's base: see `_density.FlowDistribution`.

    Args:
        network: a `FlowNetwork`, as `nnx_module` gives it.
        context: what every step is given, shape (N, C), or None.
        batch_shape: shape of the independent rows.
        dim: columns.
        reparameterised: whether draws carry the whole gradient.
        support: of x.
    """

    arg_constraints: Any = {}  # noqa: RUF012
    pytree_data_fields = ("context",)
    pytree_aux_fields = ("network", "reparameterised", "own_support")
    _seen: tuple[jax.Array, jax.Array, jax.Array] | None = None

    def __init__(
        self,
        network: Callable[..., Any],
        context: jax.Array | None,
        batch_shape: tuple[int, ...],
        dim: int,
        *,
        reparameterised: bool = True,
        support: Any = constraints.real_vector,
    ) -> None:
        self.network, self.context = network, context
        self.reparameterised, self.own_support = reparameterised, support
        super().__init__(tuple(batch_shape), (dim,), validate_args=False)

    @property
    def has_rsample(self) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Whether draws carry the whole gradient."""
        return self.reparameterised

    @property
    def sequential(self) -> bool:
        """Whether its mean is one of its own draw, through which not all of a gradient goes."""
        return not self.reparameterised

    @property
    def support(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Where x has a density."""
        return self.own_support

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> jax.Array:
        """Draw rows, shape (*sample_shape, *batch_shape, D)."""
        return self.sample_with_intermediates(key, sample_shape)[0]

    def sample_with_intermediates(
        self, key: Any, sample_shape: tuple[int, ...] = ()
    ) -> tuple[jax.Array, list[Any]]:
        """Draw rows, with u and log p(x) of each."""
        u = self.network("noise", key, (*sample_shape, *self.batch_shape, *self.event_shape))
        x, log_volume = self.network("to_data", u, self.context)
        return x, [u, self.network("log_base", u) - log_volume]

    def look_at(self, x: jax.Array) -> None:
        """Work out u and log p of a value, and remember them."""
        self._seen = self._worked_out(x)

    def log_prob(self, value: Any, intermediates: list[Any] | None = None) -> jax.Array:
        """log p(x), of the value's leading shape."""
        return intermediates[1] if intermediates else self._of(value)[2]

    def to_base(self, x: jax.Array) -> jax.Array:
        """The noise u that x is made of, of the same shape."""
        return self._of(x)[1]

    def from_base(self, u: jax.Array) -> jax.Array:
        """x of some noise, of the same shape."""
        return self.network("to_data", u, self.context)[0]

    def _of(self, value: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        if self._seen is not None and value is self._seen[0]:
            return self._seen
        return self._worked_out(value)

    def _worked_out(self, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        u, log_volume = self.network("to_noise", jnp.asarray(x), self.context)
        return x, u, self.network("log_base", u) + log_volume
