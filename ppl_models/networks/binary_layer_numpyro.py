"""A layer of binary units, with or without connections between them (flax NNX)."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from flax import nnx
from jax import lax
from numpy.typing import NDArray
from numpyro.distributions import constraints
from numpyro.distributions.util import validate_sample

from ppl_models.networks.latent_structure import UnitLayer


class AutoregressiveBernoulli(dist.Distribution):
    """Binary units v of one layer, each conditioned on those before it.

    See `binary_layer.AutoregressiveBernoulli`.
    """

    arg_constraints: ClassVar[Any] = {
        "base_logits": constraints.real_vector,
        "lateral": constraints.independent(constraints.real, 2),
    }
    support: Any = constraints.independent(constraints.boolean, 1)
    pytree_data_fields = ("base_logits", "lateral")
    pytree_aux_fields = ("signed",)

    def __init__(
        self,
        base_logits: jax.Array,
        lateral: jax.Array,
        *,
        signed: bool = False,
        validate_args: bool | None = None,
    ) -> None:
        self.base_logits, self.signed = base_logits, signed
        self.lateral = jnp.tril(lateral, -1)
        super().__init__(
            base_logits.shape[:-1], base_logits.shape[-1:], validate_args=validate_args
        )

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> jax.Array:
        """Draw the units one after another."""
        shape = sample_shape + self.batch_shape + self.event_shape
        noise = jnp.moveaxis(jax.random.logistic(key, shape), -1, 0)
        base = jnp.moveaxis(jnp.broadcast_to(self.base_logits, shape), -1, 0)

        def unit(values: jax.Array, inputs: Any) -> tuple[jax.Array, None]:
            position, base, noise, row = inputs
            logit = base + signal(values, signed=self.signed) @ row
            on = (logit + noise > 0).astype(values.dtype)
            return values.at[..., position].set(on), None

        inputs = (jnp.arange(shape[-1]), base, noise, self.lateral)
        return lax.scan(unit, jnp.zeros(shape, self.base_logits.dtype), inputs)[0]

    @validate_sample
    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        """log p(v), all units at once."""
        return dist.Bernoulli(logits=self.logits_given(value)).to_event(1).log_prob(value)

    def logits_given(self, value: jax.Array) -> jax.Array:
        """The logit of each unit given the values of those before it."""
        return self.base_logits + signal(value, signed=self.signed) @ self.lateral.T


class BinaryLayer(nnx.Module):
    """The distribution of a layer of binary units given the layer next to it.

    See `binary_layer.BinaryLayer`.
    """

    def __init__(self, layer: UnitLayer, rngs: nnx.Rngs) -> None:
        self.neighbour_signed, self.units_signed = layer.neighbour_signed, layer.units_signed
        fan_in, fan_out = layer.fan_in, layer.fan_out
        self.bias = nnx.Param(jnp.zeros(fan_out))
        glorot = nnx.initializers.glorot_uniform()
        weight = None if fan_in is None else glorot(rngs.params(), (fan_in, fan_out)).T
        self.weight = None if weight is None else nnx.Param(weight)
        self.lateral = nnx.Param(jnp.zeros((fan_out, fan_out))) if layer.autoregressive else None

    def __call__(self, neighbour: jax.Array | None = None) -> dist.Distribution:
        """The distribution given the values in {0, 1} of the layer next to it, (..., fan_in)."""
        logits = self.bias[...]
        if self.weight is not None and neighbour is not None:
            logits = signal(neighbour, signed=self.neighbour_signed) @ self.weight[...].T + logits
        if self.lateral is None:
            return dist.Bernoulli(logits=logits).to_event(1)
        return AutoregressiveBernoulli(logits, self.lateral[...], signed=self.units_signed)

    def set_bias(self, bias: NDArray[Any]) -> None:
        """Set the bias, shape (fan_out,)."""
        self.bias = nnx.Param(jnp.asarray(bias))


def signal(value: jax.Array, *, signed: bool) -> jax.Array:
    """Values in {0, 1} as the layers see them: as they are, or in {-1, 1}."""
    return 2 * value - 1 if signed else value


def mean_given(distribution: Any, value: jax.Array) -> jax.Array:
    """The probability of each unit being on, given the values of those before it."""
    if isinstance(distribution, AutoregressiveBernoulli):
        return nnx.sigmoid(distribution.logits_given(value))
    return distribution.mean
