"""The steps of a normalising flow from data to noise, and back; NumPyro (flax NNX)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from ppl_models.flows._maps_numpyro import Mapped, map_of
from ppl_models.flows._plan import Plan, masks
from ppl_models.networks.mlp_numpyro import ACTIVATION_FUNCTIONS, linear
from ppl_models.networks.normalisation_numpyro import EPSILON, KEPT


class Step(nnx.Module):
    """An invertible map of rows: see `_steps.Step`."""

    def to_noise(self, x: jax.Array, context: jax.Array | None) -> Mapped:
        """The next value on the way to u, and log |du/dx|."""
        raise NotImplementedError

    def to_data(self, u: jax.Array, context: jax.Array | None) -> Mapped:
        """The next value on the way to x, and log |dx/du|."""
        raise NotImplementedError


class Conditioner(nnx.Module):
    """A network from columns, and a context, to the numbers of each mapped column."""

    def __init__(self, plan: Plan, inputs: int, outputs: int, rngs: nnx.Rngs) -> None:
        self.shape = plan.numbers, outputs
        self.activation = ACTIVATION_FUNCTIONS[plan.activation]
        sizes = (inputs, *plan.hidden, plan.numbers * outputs)
        self.layers = nnx.List(linear(*pair, rngs) for pair in pairwise(sizes))
        last: Any = self.layers[-1]
        last.kernel[...] = 0.1 * last.kernel[...]
        if plan.context:
            self.context = linear(plan.context, sizes[1], rngs, bias=False)
        self.masked = plan.autoregressive
        self.of_masks = plan.dim, plan.hidden, plan.numbers, bool(plan.context)

    def __call__(self, value: jax.Array, context: jax.Array | None) -> tuple[jax.Array, jax.Array]:
        """The numbers without their biases, (..., numbers, outputs), and the biases."""
        depth = len(self.layers) - 1
        *sizes, given = self.of_masks
        found: Any = masks(*sizes, context=given) if self.masked else [None] * (depth + 1)
        bias: Any = None
        for number, (layer, mask) in enumerate(zip(self.layers, found, strict=True)):
            own: Any = layer
            kernel, bias = own.kernel[...], own.bias[...]
            value = value @ (kernel if mask is None else kernel * mask.T)
            if number < depth:
                value = value + bias
            if number == 0 and context is not None:
                value = value + self.context(context)
            if number < depth:
                value = self.activation(value)
        return value.reshape(*value.shape[:-1], *self.shape), bias.reshape(self.shape)


class Coupling(Step):
    """The second half of the columns mapped by numbers that the first half gives."""

    def __init__(self, plan: Plan, rngs: nnx.Rngs) -> None:
        self.kept, self.map = plan.dim // 2, map_of(plan)
        self.network = Conditioner(plan, self.kept, plan.dim - self.kept, rngs)

    def to_noise(self, x: jax.Array, context: jax.Array | None) -> Mapped:
        """See `Step`."""
        return self._mapped(x, context, back=False)

    def to_data(self, u: jax.Array, context: jax.Array | None) -> Mapped:
        """See `Step`."""
        return self._mapped(u, context, back=True)

    def _mapped(self, value: jax.Array, context: jax.Array | None, *, back: bool) -> Mapped:
        same, other = value[..., : self.kept], value[..., self.kept :]
        other, log_slope = self.map(other, *self.network(same, context), back=back)
        same = jnp.broadcast_to(same, (*other.shape[:-1], self.kept))
        return jnp.concatenate([same, other], axis=-1), log_slope.sum(-1)


class Autoregressive(Step):
    """Every column mapped by numbers that the columns before it give."""

    def __init__(self, plan: Plan, rngs: nnx.Rngs) -> None:
        self.from_noise, self.map = plan.from_noise, map_of(plan)
        self.network = Conditioner(plan, plan.dim, plan.dim, rngs)

    def to_noise(self, x: jax.Array, context: jax.Array | None) -> Mapped:
        """See `Step`."""
        return self._column_by_column(x, context) if self.from_noise else self._at_once(x, context)

    def to_data(self, u: jax.Array, context: jax.Array | None) -> Mapped:
        """See `Step`."""
        return self._at_once(u, context) if self.from_noise else self._column_by_column(u, context)

    def _at_once(self, value: jax.Array, context: jax.Array | None) -> Mapped:
        mapped, log_slope = self.map(value, *self.network(value, context), back=False)
        return mapped, log_slope.sum(-1)

    def _column_by_column(self, value: jax.Array, context: jax.Array | None) -> Mapped:
        columns = jnp.arange(value.shape[-1])

        def column(carry: Mapped, last: jax.Array) -> tuple[Mapped, None]:
            # Columns after this one are not known yet, and must not grow on what they hold.
            known = jnp.where(columns < last, carry[0], 0.0)
            return self.map(value, *self.network(known, context), back=True), None

        start = jnp.zeros_like(value), jnp.zeros_like(value)
        (found, log_slope), _ = jax.lax.scan(column, start, columns)
        return found, log_slope.sum(-1)


class BatchNorm(Step):
    """Each column with mean 0 and variance 1 over a batch: see `_steps.BatchNorm`."""

    def __init__(self, dim: int) -> None:
        self.use_running_average = False  # the name that nnx.Module.eval() sets
        self.log_scale = nnx.Param(jnp.zeros(dim))
        self.bias = nnx.Param(jnp.zeros(dim))
        self.mean = nnx.BatchStat(jnp.zeros(dim))
        self.var = nnx.BatchStat(jnp.ones(dim))

    def to_noise(self, x: jax.Array, context: jax.Array | None) -> Mapped:
        """See `Step`."""
        mean, var = self.mean[...], self.var[...]
        if not self.use_running_average:
            others = tuple(range(x.ndim - 1))
            own_mean, own_var = x.mean(others), x.var(others)
            self.mean[...] = KEPT * mean + (1 - KEPT) * own_mean
            self.var[...] = KEPT * var + (1 - KEPT) * own_var
            mean, var = own_mean, own_var
        log_slope = self.log_scale[...] - 0.5 * jnp.log(var + EPSILON)
        u = (x - mean) * jnp.exp(log_slope) + self.bias[...]
        return u, jnp.broadcast_to(log_slope.sum(), x.shape[:-1])

    def to_data(self, u: jax.Array, context: jax.Array | None) -> Mapped:
        """See `Step`."""
        log_slope = 0.5 * jnp.log(self.var[...] + EPSILON) - self.log_scale[...]
        x = (u - self.bias[...]) * jnp.exp(log_slope) + self.mean[...]
        return x, jnp.broadcast_to(log_slope.sum(), u.shape[:-1])


class Permutation(Step):
    """The columns in another order."""

    def __init__(self, order: tuple[int, ...]) -> None:
        self.order = order
        self.inverse = tuple(sorted(range(len(order)), key=order.__getitem__))

    def to_noise(self, x: jax.Array, context: jax.Array | None) -> Mapped:
        """See `Step`."""
        return x[..., jnp.array(self.order)], jnp.zeros(x.shape[:-1], x.dtype)

    def to_data(self, u: jax.Array, context: jax.Array | None) -> Mapped:
        """See `Step`."""
        return u[..., jnp.array(self.inverse)], jnp.zeros(u.shape[:-1], u.dtype)


class Rescaling(Step):
    """u = (x - shift) exp(-log_scale), one number for each column."""

    def __init__(self, dim: int) -> None:
        self.shift = nnx.Param(jnp.zeros(dim))
        self.log_scale = nnx.Param(jnp.zeros(dim))

    def to_noise(self, x: jax.Array, context: jax.Array | None) -> Mapped:
        """See `Step`."""
        log_scale = self.log_scale[...]
        u = (x - self.shift[...]) * jnp.exp(-log_scale)
        return u, jnp.broadcast_to(-log_scale.sum(), x.shape[:-1])

    def to_data(self, u: jax.Array, context: jax.Array | None) -> Mapped:
        """See `Step`."""
        log_scale = self.log_scale[...]
        x = u * jnp.exp(log_scale) + self.shift[...]
        return x, jnp.broadcast_to(log_scale.sum(), u.shape[:-1])


class Logit(Step):
    """u = logit(margin + (1 - 2 margin) x), for x in [0, 1]."""

    def __init__(self, margin: float) -> None:
        self.margin = margin

    def to_noise(self, x: jax.Array, context: jax.Array | None) -> Mapped:
        """See `Step`."""
        inside = self.margin + (1 - 2 * self.margin) * x
        u = jnp.log(inside) - jnp.log1p(-inside)
        return u, -self._log_slope(u)

    def to_data(self, u: jax.Array, context: jax.Array | None) -> Mapped:
        """See `Step`."""
        return (nnx.sigmoid(u) - self.margin) / (1 - 2 * self.margin), self._log_slope(u)

    def _log_slope(self, u: jax.Array) -> jax.Array:
        log_slope = jax.nn.log_sigmoid(u) + jax.nn.log_sigmoid(-u)
        return (log_slope - jnp.log1p(-2 * self.margin)).sum(-1)


def steps_of(plan: Plan, rngs: nnx.Rngs) -> Iterator[Step]:
    """The steps of a plan, those next to the data first."""
    if plan.rescale:
        yield Rescaling(plan.dim)
    for number in range(plan.length):
        yield (Autoregressive if plan.autoregressive else Coupling)(plan, rngs)
        if plan.batch_norm:
            yield BatchNorm(plan.dim)
        order = plan.permutation(number)
        if order is not None:
            yield Permutation(order)
