"""Hidden units that take in one entry after another (flax NNX)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from flax import nnx
from jax import lax
from numpy.typing import NDArray

from ppl_models.networks.autoregression.autoregressive_numpyro import MaskedBernoulli, MaskedMixture
from ppl_models.networks.autoregression.connections import Connections
from ppl_models.networks.autoregression.masked_network_numpyro import drawn_or_held
from ppl_models.networks.mlp_numpyro import ACTIVATION_FUNCTIONS

BLOCK = 8  # entries whose hidden states are held at a time: one after another is slow


class NADENetwork(nnx.Module):
    """Logits of binary entries, each from a hidden layer that has seen those before it.

    See `nade.NADENetwork`.
    """

    def __init__(
        self,
        connections: Connections,
        size: int,
        activation: str,
        rngs: nnx.Rngs,
        *,
        marks: bool = False,
    ) -> None:
        self.connections, self.size = connections, size
        self.activation = ACTIVATION_FUNCTIONS[activation]
        glorot, shape = nnx.initializers.glorot_uniform(), (connections.dim, size)
        self.encoder = nnx.Param(glorot(rngs.params(), shape))
        self.decoder = nnx.Param(glorot(rngs.params(), shape))
        self.hidden_bias = nnx.Param(jnp.zeros(size))
        self.bias = nnx.Param(jnp.zeros(connections.dim))
        self.marks = nnx.Param(jnp.zeros(shape)) if marks else None

    def set_output_bias(self, bias: NDArray[Any]) -> None:
        """Set the bias of the logits, shape (dim,)."""
        self.bias = nnx.Param(jnp.asarray(bias))

    def __call__(self) -> NADENetwork:
        """The network itself, with the parameters that `nnx_module` gives it."""
        return self

    def ranks(self, component: Any = 0) -> Any:
        """The rank of each entry in one of the orders, (dim,)."""
        ranks = self.connections.ranks()
        return ranks[component] if isinstance(component, int) else jnp.asarray(ranks)[component]

    def logits(
        self, inputs: jax.Array, component: Any = 0, hidden: jax.Array | None = None
    ) -> jax.Array:
        """Logits of all entries, (..., dim), from inputs (..., dim): see `nade.NADENetwork`."""
        dim, ranks = self.connections.dim, self.ranks(component)
        order = ranks.argsort()
        x = jnp.reshape(inputs, (-1, dim))[:, order]
        fill = -dim % BLOCK
        rows = (
            jnp.pad(part, ((0, fill), (0, 0))).reshape(-1, BLOCK, part.shape[-1])
            for part in (x.T, self.decoder[...][order], *self._encoders(order))
        )

        @jax.checkpoint
        def block(seen: jax.Array, shown: Any) -> tuple[jax.Array, jax.Array]:
            part, decoder, *encoders = shown
            states = self._states(seen, part.T, *encoders)
            for marks in encoders[1:]:
                seen = seen + marks.sum(0)
            return seen + part.T @ encoders[0], (states * decoder).sum(-1)

        own = self.hidden_bias[...] if hidden is None else hidden.reshape(-1, self.size)
        start = jnp.broadcast_to(own, (len(x), self.size))
        _, found = lax.scan(block, start, tuple(rows))
        logits = jnp.moveaxis(found, 1, 0).reshape(len(x), -1)[:, :dim]
        return logits[:, ranks].reshape(inputs.shape) + self.bias[...]

    def logits_given(self, inputs: jax.Array, held: jax.Array) -> jax.Array:
        """Logits of all entries, (..., dim), from those that are held alone, in whatever order."""
        seen = self.hidden_bias[...] + jnp.where(held, inputs, 0.0) @ self.encoder[...]
        seen = seen if self.marks is None else seen + held.astype(seen.dtype) @ self.marks[...]
        return self.activation(seen) @ self.decoder[...].T + self.bias[...]

    def _encoders(self, order: Any) -> list[jax.Array]:
        """W, and U if there is one, a row for each entry in the order of drawing."""
        own = [self.encoder] if self.marks is None else [self.encoder, self.marks]
        return [part[...][order] for part in own]

    def _states(
        self, seen: jax.Array, part: jax.Array, encoder: jax.Array, *marks: jax.Array
    ) -> jax.Array:
        """The hidden states of a block's entries, (rows, block, size)."""
        before = jnp.tril(jnp.ones((part.shape[1], part.shape[1]), part.dtype), -1)
        own = sum(before @ each for each in marks)
        return self.activation(seen[:, None] + (part[:, None] * before) @ encoder + own)

    def features(self, inputs: jax.Array, component: Any = 0) -> jax.Array:
        """The hidden state of each entry, (..., dim, size), all at once."""
        ranks = self.ranks(component)
        order = ranks.argsort()
        x = jnp.reshape(inputs, (-1, inputs.shape[-1]))[:, order]
        seen = jnp.broadcast_to(self.hidden_bias[...], (len(x), self.size))
        states = self._states(seen, x, *self._encoders(order))
        return states[:, ranks].reshape(*inputs.shape, self.size)

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
        own = self.hidden_bias[...] if hidden is None else hidden
        biases = jnp.broadcast_to(0.0 if shift is None else shift, values.shape)
        order, batch = jnp.asarray(self.ranks(component).argsort()), values.shape[:-1]

        def step(carry: Any, shown: Any) -> tuple[Any, None]:
            seen, drawn, log_weight = carry
            place, decoder, bias, encoder, *marks = shown
            logit = self.activation(seen) @ decoder + bias + biases[..., place]
            given = noise[..., place], values[..., place], held[..., place]
            entry, score = drawn_or_held(logit / temperature, *given)
            seen = sum(marks, start=seen + entry[..., None] * encoder)
            return (seen, drawn.at[..., place].set(entry), log_weight + score), None

        start = (
            jnp.broadcast_to(own, (*batch, self.size)).astype(values.dtype),
            jnp.zeros(values.shape, values.dtype),
            jnp.zeros(batch, values.dtype),
        )
        rows = [part[...][order] for part in (self.decoder, self.bias)]
        shown = (order, *rows, *self._encoders(order))
        (_, drawn, log_weight), _ = lax.scan(step, start, shown)
        return drawn, log_weight


class AnyOrder:
    """A law by such networks, the same given some entries in any order: see `nade.AnyOrder`."""

    network: Any

    def conditionals_given(self, inputs: jax.Array, held: jax.Array) -> dist.Distribution:
        """The law of every entry given the entries of `inputs` that are held, and no others."""
        return dist.Bernoulli(logits=self.network.logits_given(inputs, held)).to_event(1)


class NADEBernoulli(AnyOrder, MaskedBernoulli):
    """Binary entries by one such network, in one order."""


class NADEMixture(AnyOrder, MaskedMixture):
    """The mean of the probabilities of whole rows in several orders, with the same parameters."""
