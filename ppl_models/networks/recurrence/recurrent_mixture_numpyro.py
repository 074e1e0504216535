"""A mixture of recurrent networks, each of which tells whole sequences (flax NNX)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from flax import nnx
from jax import random

from ppl_models.networks.recurrence.recurrent_law_numpyro import RecurrentLaw, RecurrentNetwork


class RecurrentMixture(nnx.Module):
    """Recurrent networks and their weights: see `recurrent_mixture.RecurrentMixture`."""

    def __init__(self, networks: Iterable[RecurrentNetwork]) -> None:
        self.networks = nnx.List(networks)
        self.data_dim = self.networks[0].data_dim
        self.logits = nnx.Param(jnp.zeros(len(self.networks)))

    @property
    def frame(self) -> Any:
        """The law of a step."""
        return self.networks[0].frame

    def __call__(self) -> RecurrentMixture:
        """The networks themselves, with the parameters that `nnx_module` gives them."""
        return self

    def states(self, x: jax.Array) -> jax.Array:
        """The states of all networks side by side, (..., T, networks * hidden_dim)."""
        return jnp.concatenate([network.states(x) for network in self.networks], -1)

    def outputs(self, x: jax.Array) -> jax.Array:
        """What each network says of each step, (..., T, networks, size)."""
        return jnp.stack([network.output(network.states(x)) for network in self.networks], -2)


class RecurrentMixtureLaw(RecurrentLaw):
    """Sequences by one of several recurrent networks: see `recurrent_mixture`."""

    network: Any

    @property
    def laws(self) -> tuple[RecurrentLaw, ...]:
        """That of each network."""
        length, inside = self.event_shape[0], self.inside
        return tuple(
            RecurrentLaw(each, length, self.batch_shape, inside=inside)
            for each in self.network.networks
        )

    def _steps(self, inputs: jax.Array) -> Any:
        each = self.network.frame.law(self.network.outputs(inputs))  # batch (..., T, networks)
        scores = each.log_prob(inputs[..., None, :])
        if self.inside is not None:
            scores = jnp.where(self.inside[..., None], scores, 0.0)
        before = jnp.cumsum(scores, -2) - scores
        weights = dist.Categorical(logits=self.network.logits[...] + before)
        return dist.MixtureSameFamily(weights, each)

    def complete(
        self, key: Any, values: jax.Array, held: jax.Array, temperature: Any = 1.0
    ) -> tuple[jax.Array, jax.Array]:
        """Draw what is not held, each sequence by one of the networks."""
        key, own = random.split(key)
        chosen = random.categorical(own, self.network.logits[...], shape=values.shape[:-2])
        drawn = jnp.zeros(values.shape, values.dtype)
        log_weight = jnp.zeros(values.shape[:-2], values.dtype)
        for number, law in enumerate(self.laws):
            rows, weight = law.complete(key, values, held, temperature)
            drawn = jnp.where((chosen == number)[..., None, None], rows, drawn)
            log_weight = jnp.where(chosen == number, weight, log_weight)
        return drawn, log_weight
