"""Sequences drawn step by step from the state of a recurrent network (flax NNX)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax, random

from ppl_models.networks.autoregression.autoregressive_numpyro import Autoregressive
from ppl_models.networks.mlp_numpyro import MLP, linear
from ppl_models.networks.recurrence.recurrent_numpyro import GRU, LSTM, Initial
from ppl_models.networks.recurrence.step_laws_numpyro import frame


class RecurrentNetwork(nnx.Module):
    """States from which the next steps are drawn: see `recurrent_law.RecurrentNetwork`."""

    def __init__(
        self,
        data_dim: int,
        hidden_dim: int,
        cell: str,
        hidden: Sequence[int],
        kind: str,
        components: int,
        rngs: nnx.Rngs,
    ) -> None:
        self.kind, self.data_dim, self.components = kind, data_dim, components
        self.long = cell == "lstm"
        self.start = Initial(jnp.zeros(hidden_dim))
        self.input = linear(data_dim, (4 if self.long else 3) * hidden_dim, rngs, bias=False)
        self.cell = (LSTM if self.long else GRU)(hidden_dim, rngs)
        self.output = MLP([hidden_dim, *hidden, self.frame.size], "relu", rngs)

    @property
    def frame(self) -> Any:
        """The law of a step."""
        return frame(self.kind, self.data_dim, self.components)

    def __call__(self) -> RecurrentNetwork:
        """The network itself, with the parameters that `nnx_module` gives it."""
        return self

    def first(self, batch: tuple[int, ...]) -> tuple[jax.Array, ...]:
        """What the recurrence starts from: a state, and the memory of an LSTM."""
        h = jnp.broadcast_to(self.start(), (*batch, self.start().shape[-1]))
        return (h, jnp.zeros_like(h)) if self.long else (h,)

    def advance(self, carry: tuple[jax.Array, ...], shown: jax.Array) -> tuple[jax.Array, ...]:
        """The state after a step, which the cell sees as `input` shows it."""
        found: Any = self.cell(shown, *carry)
        return found if self.long else (found,)

    def states(self, x: jax.Array) -> jax.Array:
        """The states from which each step is drawn, (..., T, hidden_dim), from x (..., T, D)."""

        def step(carry: Any, shown: jax.Array) -> tuple[Any, jax.Array]:
            return self.advance(carry, shown), carry[0]

        shown = jnp.moveaxis(self.input(x), -2, 0)
        _, found = lax.scan(step, self.first(x.shape[:-2]), shown)
        return jnp.moveaxis(found, 0, -2)


class ShiftedBiases(RecurrentNetwork):
    """A recurrent network whose state shifts the biases of the law of a step: `recurrent_law`."""

    def __init__(
        self, data_dim: int, state_dim: int, hidden_dim: int, cell: str, rngs: nnx.Rngs
    ) -> None:
        super().__init__(data_dim, state_dim, cell, (), "bernoulli", 1, rngs)
        self.output: Any = linear(state_dim, data_dim, rngs, bias=False)
        self.to_hidden = linear(state_dim, hidden_dim, rngs, bias=False)


class RecurrentLaw(Autoregressive):
    """Sequences, each step given those before it: see `recurrent_law.RecurrentLaw`."""

    def __init__(
        self,
        network: RecurrentNetwork,
        length: int,
        batch_shape: tuple[int, ...],
        *,
        inside: jax.Array | None = None,
    ) -> None:
        self.network, self.inside = network, inside
        self.support = network.frame.support
        super().__init__(batch_shape, (length, network.data_dim))

    @property
    def ranks(self) -> Any:
        """The number of its step for each entry, (T, D)."""
        return jnp.broadcast_to(jnp.arange(self.event_shape[0])[:, None], self.event_shape)

    def _steps(self, inputs: jax.Array) -> Any:
        return self.network.frame.law(self.network.output(self.network.states(inputs)))

    def conditionals(self, inputs: jax.Array) -> Any:
        """The laws of all steps, each given the steps of `inputs` before it."""
        each = self._steps(inputs)
        return (each if self.inside is None else each.mask(self.inside)).to_event(1)

    def features(self, inputs: jax.Array) -> jax.Array:
        """The states from which the steps are drawn, (..., T, hidden_dim); zero after the end."""
        states = self.network.states(inputs)
        return states if self.inside is None else jnp.where(self.inside[..., None], states, 0.0)

    def mean_given(self, value: jax.Array) -> jax.Array:
        """The mean of each step given those before it."""
        return jnp.asarray(self._steps(value).mean)

    def complete(
        self, key: Any, values: jax.Array, held: jax.Array, temperature: Any = 1.0
    ) -> tuple[jax.Array, jax.Array]:
        """Draw what is not held, step by step."""
        net, length = self.network, values.shape[-2]
        inside = jnp.ones(length, bool) if self.inside is None else self.inside
        inside = jnp.broadcast_to(inside, values.shape[:-1])

        def step(carry: Any, shown: Any) -> tuple[Any, jax.Array]:
            state, log_weight = carry
            key, value, fixed, counts = shown
            entry, score = net.frame.draw(key, net.output(state[0]), value, fixed, temperature)
            log_weight = log_weight + jnp.where(counts, score, 0.0)
            return (net.advance(state, net.input(entry)), log_weight), entry

        moved = (jnp.moveaxis(part, -2, 0) for part in (values, held))
        shown = (random.split(key, length), *moved, jnp.moveaxis(inside, -1, 0))
        batch = values.shape[:-2]
        start = net.first(batch), jnp.zeros(batch, values.dtype)
        (_, log_weight), drawn = lax.scan(step, start, shown)
        return jnp.moveaxis(drawn, 0, -2), log_weight
