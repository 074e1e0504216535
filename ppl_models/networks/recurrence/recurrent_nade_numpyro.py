"""Sequences drawn entry by entry, given the state of a recurrent network (flax NNX)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from flax import nnx
from jax import lax, random
from numpy.typing import NDArray

from ppl_models.networks.autoregression.connections import Connections
from ppl_models.networks.autoregression.nade_numpyro import NADENetwork
from ppl_models.networks.recurrence.recurrent_law_numpyro import RecurrentLaw, ShiftedBiases


class RecurrentNADE(ShiftedBiases):
    """A recurrent network whose state gives the biases of a NADE: see `recurrent_nade`."""

    def __init__(
        self, data_dim: int, state_dim: int, hidden_dim: int, cell: str, rngs: nnx.Rngs
    ) -> None:
        super().__init__(data_dim, state_dim, hidden_dim, cell, rngs)
        self.nade = NADENetwork(Connections(data_dim), hidden_dim, "sigmoid", rngs)

    def set_output_bias(self, bias: NDArray[Any]) -> None:
        """Set b, shape (data_dim,)."""
        self.nade.set_output_bias(bias)

    def biases(self, state: jax.Array) -> tuple[jax.Array, jax.Array]:
        """c_t and what b_t has beside b, (..., hidden_dim) and (..., data_dim)."""
        return self.nade.hidden_bias[...] + self.to_hidden(state), self.output(state)


class RecurrentNADELaw(RecurrentLaw):
    """Sequences, each entry given those of its step before it and all steps before."""

    network: Any

    @property
    def ranks(self) -> Any:
        """The number of each entry, (T, D)."""
        length, width = self.event_shape
        return jnp.arange(length * width).reshape(length, width)

    def _steps(self, inputs: jax.Array) -> Any:
        hidden, shift = self.network.biases(self.network.states(inputs))
        return dist.Bernoulli(logits=self.network.nade.logits(inputs, 0, hidden) + shift).to_event(
            1
        )

    def complete(
        self, key: Any, values: jax.Array, held: jax.Array, temperature: Any = 1.0
    ) -> tuple[jax.Array, jax.Array]:
        """Draw what is not held, step by step and entry by entry."""
        net, length = self.network, values.shape[-2]
        inside = jnp.ones(length, bool) if self.inside is None else self.inside
        inside = jnp.broadcast_to(inside, values.shape[:-1])

        def step(carry: Any, shown: Any) -> tuple[Any, jax.Array]:
            state, log_weight = carry
            key, value, fixed, counts = shown
            hidden, shift = net.biases(state[0])
            noise = random.logistic(key, value.shape, value.dtype)
            entry, score = net.nade.complete(value, fixed, noise, temperature, 0, hidden, shift)
            log_weight = log_weight + jnp.where(counts, score, 0.0)
            return (net.advance(state, net.input(entry)), log_weight), entry

        moved = (jnp.moveaxis(part, -2, 0) for part in (values, held))
        shown = (random.split(key, length), *moved, jnp.moveaxis(inside, -1, 0))
        batch = values.shape[:-2]
        start = net.first(batch), jnp.zeros(batch, values.dtype)
        (_, log_weight), drawn = lax.scan(step, start, shown)
        return jnp.moveaxis(drawn, 0, -2), log_weight
