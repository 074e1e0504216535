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

from ppl_models.networks.autoregression.autoregressive_numpyro import Autoregressive, drawn_or_held
from ppl_models.networks.latent_variables.latent_structure import UnitLayer


class AutoregressiveBernoulli(Autoregressive):
    """Binary units v of one layer, each conditioned on those before it.

    See `binary_layer.AutoregressiveBernoulli`.
    """

    arg_constraints: ClassVar[Any] = {
        "base_logits": constraints.real_vector,
        "lateral": constraints.independent(constraints.real, 2),
    }
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

    @property
    def ranks(self) -> jax.Array:
        """Units are drawn in the order in which they are stored."""
        return jnp.arange(self.event_shape[0])

    def conditionals(self, inputs: jax.Array) -> dist.Distribution:
        """The law of each unit given the values of those before it."""
        return dist.Bernoulli(logits=self.logits_given(inputs)).to_event(1)

    def features(self, inputs: jax.Array) -> jax.Array:
        """The logits: there are no hidden states."""
        return self.logits_given(inputs)

    def complete(
        self, key: Any, values: jax.Array, held: jax.Array, temperature: float = 1.0
    ) -> tuple[jax.Array, jax.Array]:
        """Draw the units that are not held, one after another."""
        shape = jnp.broadcast_shapes(values.shape, self.base_logits.shape)
        noise = jax.random.logistic(key, shape)
        parts = (self.base_logits, noise, values, held)
        columns = [jnp.moveaxis(jnp.broadcast_to(part, shape), -1, 0) for part in parts]

        def unit(carry: Any, inputs: Any) -> tuple[Any, None]:
            drawn, log_weight = carry
            position, base, noise, value, fixed, row = inputs
            logit = (base + signal(drawn, signed=self.signed) @ row) / temperature
            entry, score = drawn_or_held(logit, noise, value.astype(drawn.dtype), fixed)
            return (drawn.at[..., position].set(entry), log_weight + score), None

        dtype = self.base_logits.dtype
        start = jnp.zeros(shape, dtype), jnp.zeros(shape[:-1], dtype)
        inputs = (jnp.arange(shape[-1]), *columns, self.lateral)
        return lax.scan(unit, start, inputs)[0]

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
        return distribution.mean_given(value)
    return distribution.mean
