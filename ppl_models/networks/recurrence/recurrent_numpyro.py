"""Recurrent cells, and the parts of a state-space model, for NumPyro pairs (flax NNX)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

from ppl_models.networks.mlp_numpyro import MLP, linear

TRANSITIONS = ("gated", "linear")
_SMALLEST = 1e-3  # scale: softplus alone can underflow to zero


class Initial(nnx.Module):
    """A trained vector that a recurrence starts from."""

    def __init__(self, value: jax.Array) -> None:
        self.value = nnx.Param(value)

    def __call__(self) -> jax.Array:
        """The vector."""
        return self.value[...]


class LSTM(nnx.Module):
    """One step of a long short-term memory, given what its inputs add to its gates.

    See `recurrent.LSTM`.
    """

    def __init__(self, size: int, rngs: nnx.Rngs) -> None:
        self.recurrent = linear(size, 4 * size, rngs)

    def __call__(
        self, inputs: jax.Array, h: jax.Array, c: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """Output and memory after a step; inputs have shape (..., 4 * size)."""
        i, f, g, o = jnp.split(inputs + self.recurrent(h), 4, axis=-1)
        c = nnx.sigmoid(f + 1) * c + nnx.sigmoid(i) * jnp.tanh(g)
        return nnx.sigmoid(o) * jnp.tanh(c), c


class GRU(nnx.Module):
    """One step of a gated recurrent unit, given what its inputs add to its gates.

    See `recurrent.GRU`.
    """

    def __init__(self, size: int, rngs: nnx.Rngs) -> None:
        self.recurrent = linear(size, 3 * size, rngs)

    def __call__(self, inputs: jax.Array, h: jax.Array) -> jax.Array:
        """Output after a step; inputs have shape (..., 3 * size)."""
        own = jnp.split(self.recurrent(h), 3, axis=-1)
        reset, keep, new = jnp.split(inputs, 3, axis=-1)
        update = nnx.sigmoid(keep + own[1])
        return (1 - update) * jnp.tanh(new + nnx.sigmoid(reset + own[0]) * own[2]) + update * h


class GatedTransition(nnx.Module):
    """A move between a linear one and one by a network, as a gate decides per coordinate.

    See `recurrent.GatedTransition`.
    """

    def __init__(self, latent_dim: int, hidden: int, rngs: nnx.Rngs) -> None:
        self.gate = MLP([latent_dim, hidden, latent_dim], "relu", rngs)
        self.network = MLP([latent_dim, hidden, latent_dim], "relu", rngs)
        self.linear = linear(latent_dim, latent_dim, rngs)
        self.linear.kernel = nnx.Param(jnp.eye(latent_dim))
        self.scale = linear(latent_dim, latent_dim, rngs)

    def __call__(self, z: jax.Array, _: None = None) -> tuple[jax.Array, jax.Array]:
        """Mean and scale of the next state."""
        gate, proposed = nnx.sigmoid(self.gate(z)), self.network(z)
        mean = (1 - gate) * self.linear(z) + gate * proposed
        return mean, nnx.softplus(self.scale(nnx.relu(proposed))) + _SMALLEST


class LinearTransition(nnx.Module):
    """A linear move with noise of its own scale per coordinate: mean = W z + b."""

    def __init__(self, latent_dim: int, rngs: nnx.Rngs) -> None:
        self.linear = linear(latent_dim, latent_dim, rngs)
        self.log_scale = nnx.Param(jnp.zeros(latent_dim))

    def __call__(self, z: jax.Array, _: None = None) -> tuple[jax.Array, jax.Array]:
        """Mean and scale of the next state."""
        mean = self.linear(z)
        return mean, jnp.broadcast_to(jnp.exp(self.log_scale[...]), mean.shape)


def transition(
    kind: str, latent_dim: int, hidden: int, rngs: nnx.Rngs
) -> GatedTransition | LinearTransition:
    """The move of this kind, one of `TRANSITIONS`; `hidden` is of the gated one."""
    if kind == "linear":
        return LinearTransition(latent_dim, rngs)
    return GatedTransition(latent_dim, hidden, rngs)


class Future(nnx.Module):
    """A gated recurrent unit that reads a sequence from its last step to each step.

    Steps outside of the sequence leave it at rest, so that it starts at each row's own length.
    """

    def __init__(self, data_dim: int, hidden: int, rngs: nnx.Rngs) -> None:
        self.hidden = hidden
        self.input = linear(data_dim, 3 * hidden, rngs, bias=False)
        self.cell = GRU(hidden, rngs)

    def __call__(self, x: jax.Array, inside: jax.Array | None) -> jax.Array:
        """What x_t, x_{t+1}, ... amount to, (..., T, hidden), from x, (..., T, data_dim)."""
        inputs = jnp.moveaxis(self.input(x), -2, 0)
        rest = jnp.zeros((*inputs.shape[1:-1], self.hidden))
        kept = None if inside is None else jnp.moveaxis(inside, -1, 0)

        def step(h: jax.Array, shown: tuple[jax.Array, Any]) -> tuple[jax.Array, jax.Array]:
            h = self.cell(shown[0], h)
            if shown[1] is not None:
                h = jnp.where(shown[1][..., None], h, rest)
            return h, h

        _, found = lax.scan(step, rest, (inputs, kept), reverse=True)
        return jnp.moveaxis(found, 0, -2)


class Combiner(nnx.Module):
    """What the state before and the future say of a state.

    h = (tanh(W z_{t-1} + b) + future_t) / 2,  mean = W h + b,  scale = softplus(W h + b)
    """

    def __init__(self, latent_dim: int, hidden: int, rngs: nnx.Rngs) -> None:
        self.before = linear(latent_dim, hidden, rngs)
        self.mean = linear(hidden, latent_dim, rngs)
        self.scale = linear(hidden, latent_dim, rngs)

    def __call__(self, z: jax.Array, future: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Mean and scale of a state."""
        h = (jnp.tanh(self.before(z)) + future) / 2
        return self.mean(h), nnx.softplus(self.scale(h)) + _SMALLEST


class Apart(nnx.Module):
    """What the past and the future say of a state, without the states around it.

    See `recurrent.Apart`.
    """

    def __init__(self, data_dim: int, latent_dim: int, hidden: int, rngs: nnx.Rngs) -> None:
        self.past = Future(data_dim, hidden, rngs)
        self.mean = linear(hidden, latent_dim, rngs)
        self.scale = linear(hidden, latent_dim, rngs)

    def __call__(
        self, x: jax.Array, future: jax.Array, inside: jax.Array | None
    ) -> tuple[jax.Array, jax.Array]:
        """Means and scales of all steps, (..., T, latent_dim)."""
        past = self.past(x[..., ::-1, :], None if inside is None else inside[..., ::-1])
        context = (past[..., ::-1, :] + future) / 2
        return self.mean(context), nnx.softplus(self.scale(context)) + _SMALLEST
