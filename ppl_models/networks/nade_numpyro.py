"""Hidden units that take in one entry after another (flax NNX)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax
from numpy.typing import NDArray

from ppl_models.networks.connections import Connections
from ppl_models.networks.masked_numpyro import drawn_or_held
from ppl_models.networks.mlp_numpyro import ACTIVATION_FUNCTIONS

BLOCK = 8  # entries whose hidden states are held at a time: one after another is slow


class NADENetwork(nnx.Module):
    """Logits of binary entries, each from a hidden layer that has seen those before it.

    See `nade.NADENetwork`.
    """

    def __init__(
        self, connections: Connections, size: int, activation: str, rngs: nnx.Rngs
    ) -> None:
        self.connections, self.size = connections, size
        self.activation = ACTIVATION_FUNCTIONS[activation]
        glorot, shape = nnx.initializers.glorot_uniform(), (connections.dim, size)
        self.encoder = nnx.Param(glorot(rngs.params(), shape))
        self.decoder = nnx.Param(glorot(rngs.params(), shape))
        self.hidden_bias = nnx.Param(jnp.zeros(size))
        self.bias = nnx.Param(jnp.zeros(connections.dim))

    def set_output_bias(self, bias: NDArray[Any]) -> None:
        """Set the bias of the logits, shape (dim,)."""
        self.bias = nnx.Param(jnp.asarray(bias))

    def __call__(self) -> NADENetwork:
        """The network itself, with the parameters that `nnx_module` gives it."""
        return self

    def ranks(self, component: Any = 0) -> Any:
        """The rank of each entry, (dim,)."""
        del component
        return self.connections.ranks()[0]

    def logits(
        self, inputs: jax.Array, component: Any = 0, hidden: jax.Array | None = None
    ) -> jax.Array:
        """Logits of all entries, (..., dim), from inputs (..., dim): see `nade.NADENetwork`."""
        del component
        dim, order = self.connections.dim, self.ranks().argsort()
        x = jnp.reshape(inputs, (-1, dim))[:, order]
        fill = -dim % BLOCK
        rows = (
            jnp.pad(part, ((0, fill), (0, 0))).reshape(-1, BLOCK, part.shape[-1])
            for part in (x.T, self.encoder[...][order], self.decoder[...][order])
        )

        @jax.checkpoint
        def block(seen: jax.Array, shown: Any) -> tuple[jax.Array, jax.Array]:
            part, encoder, decoder = shown
            states = self._states(seen, part.T, encoder)
            return seen + part.T @ encoder, (states * decoder).sum(-1)

        own = self.hidden_bias[...] if hidden is None else hidden.reshape(-1, self.size)
        start = jnp.broadcast_to(own, (len(x), self.size))
        _, found = lax.scan(block, start, tuple(rows))
        logits = jnp.moveaxis(found, 1, 0).reshape(len(x), -1)[:, :dim]
        return logits[:, self.ranks()].reshape(inputs.shape) + self.bias[...]

    def _states(self, seen: jax.Array, part: jax.Array, encoder: jax.Array) -> jax.Array:
        """The hidden states of a block's entries, (rows, block, size)."""
        before = jnp.tril(jnp.ones((part.shape[1], part.shape[1]), part.dtype), -1)
        return self.activation(seen[:, None] + (part[:, None] * before) @ encoder)

    def features(self, inputs: jax.Array, component: Any = 0) -> jax.Array:
        """The hidden state of each entry, (..., dim, size), all at once."""
        del component
        order = self.ranks().argsort()
        x = jnp.reshape(inputs, (-1, inputs.shape[-1]))[:, order]
        seen = jnp.broadcast_to(self.hidden_bias[...], (len(x), self.size))
        states = self._states(seen, x, self.encoder[...][order])
        return states[:, self.ranks()].reshape(*inputs.shape, self.size)

    def complete(
        self,
        values: Any,
        held: Any,
        noise: Any,
        temperature: Any,
        component: Any = 0,
        hidden: jax.Array | None = None,
        shift: jax.Array | None = None,
    ) -> tuple[jax.Array, jax.Array]:
        """Draw the entries that are not held: see `nade.NADENetwork.complete`."""
        del component
        own = self.hidden_bias[...] if hidden is None else hidden
        biases = jnp.broadcast_to(0.0 if shift is None else shift, values.shape)
        order, batch = jnp.asarray(self.ranks().argsort()), values.shape[:-1]

        def step(carry: Any, shown: Any) -> tuple[Any, None]:
            seen, drawn, log_weight = carry
            place, encoder, decoder, bias = shown
            logit = self.activation(seen) @ decoder + bias + biases[..., place]
            given = noise[..., place], values[..., place], held[..., place]
            entry, score = drawn_or_held(logit / temperature, *given)
            seen = seen + entry[..., None] * encoder
            return (seen, drawn.at[..., place].set(entry), log_weight + score), None

        start = (
            jnp.broadcast_to(own, (*batch, self.size)).astype(values.dtype),
            jnp.zeros(values.shape, values.dtype),
            jnp.zeros(batch, values.dtype),
        )
        rows = (part[...][order] for part in (self.encoder, self.decoder, self.bias))
        (_, drawn, log_weight), _ = lax.scan(step, start, (order, *rows))
        return drawn, log_weight
