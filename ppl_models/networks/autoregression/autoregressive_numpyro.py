"""Distributions whose entries are drawn one after another, for NumPyro pairs (jax)."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax import lax, random
from numpyro.distributions import constraints
from numpyro.distributions.util import validate_sample

from ppl_models.networks.autoregression.compilation_numpyro import compiled
from ppl_models.networks.autoregression.masked_network_numpyro import MaskedNetwork, drawn_or_held

__all__ = ["Autoregressive", "MaskedBernoulli", "MaskedMixture", "drawn_or_held"]


class Autoregressive(dist.Distribution):
    """A law of several entries, each given those of lower rank.

    See `autoregressive.Autoregressive`.
    """

    sequential: ClassVar[bool] = True
    arg_constraints: ClassVar[Any] = {}
    support: Any = constraints.independent(constraints.boolean, 1)

    @property
    def ranks(self) -> Any:
        """The rank of each entry in the order of drawing, of the event's shape."""
        raise NotImplementedError

    def conditionals(self, inputs: jax.Array) -> dist.Distribution:
        """The law of every entry given the entries of `inputs` before it."""
        raise NotImplementedError

    def features(self, inputs: jax.Array) -> jax.Array:
        """The hidden states from which the conditionals are made, (..., size)."""
        raise NotImplementedError

    def complete(
        self, key: Any, values: jax.Array, held: jax.Array, temperature: float = 1.0
    ) -> tuple[jax.Array, jax.Array]:
        """Draw what is not held, and the log probability of what is given what came before."""
        raise NotImplementedError

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> jax.Array:
        """Draw all entries, one after another."""
        shape = (*sample_shape, *self.batch_shape, *self.event_shape)
        return self.complete(key, jnp.zeros(shape), jnp.zeros(shape, bool))[0]

    @validate_sample
    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        """log p of whole rows, all entries at once."""
        return self.conditionals(jnp.asarray(value)).log_prob(value)

    def mean_given(self, value: jax.Array) -> jax.Array:
        """The mean of each entry given those before it."""
        return jnp.asarray(self.conditionals(value).mean)


class MaskedBernoulli(Autoregressive):
    """Binary entries by a masked network: see `autoregressive.MaskedBernoulli`."""

    def __init__(
        self, network: MaskedNetwork, component: Any, batch_shape: tuple[int, ...]
    ) -> None:
        self.network, self.component = network, component
        super().__init__(batch_shape, (network.connections.dim,))

    @property
    def ranks(self) -> Any:
        """The rank of each entry, (dim,)."""
        return self.network.ranks(self.component)

    def conditionals(self, inputs: jax.Array) -> dist.Distribution:
        """Bernoulli laws of all entries, batch shape (...,), from inputs (..., dim)."""
        return dist.Bernoulli(logits=self.network.logits(inputs, self.component)).to_event(1)

    def features(self, inputs: jax.Array) -> jax.Array:
        """The last hidden layer, (..., size); the inputs where there is none."""
        return self.network.features(inputs, self.component)

    def complete(
        self, key: Any, values: jax.Array, held: jax.Array, temperature: float = 1.0
    ) -> tuple[jax.Array, jax.Array]:
        """Draw what is not held; each hidden unit is computed once, when it can be."""
        noise = random.logistic(key, values.shape, values.dtype)
        given = values, held, noise, temperature, self.component
        return compiled(self.network, "complete", *given)


class MaskedMixture(Autoregressive):
    """The mean of several masked networks' probabilities: see `autoregressive.MaskedMixture`."""

    def __init__(self, network: MaskedNetwork, batch_shape: tuple[int, ...]) -> None:
        self.network = network
        super().__init__(batch_shape, (network.connections.dim,))

    @property
    def components(self) -> tuple[MaskedBernoulli, ...]:
        """The networks' own laws."""
        count = self.network.connections.count
        return tuple(MaskedBernoulli(self.network, n, self.batch_shape) for n in range(count))

    @property
    def ranks(self) -> Any:
        """The rank of each entry, (dim,), where the order is the same in all networks."""
        self.network.connections.check_one_order()
        return self.network.ranks(0)

    def conditionals(self, inputs: jax.Array) -> dist.Distribution:
        """Laws of all entries given those before, where all networks have one order.

        Each network counts for as much as it finds the entries before likely.
        """
        ranks = self.ranks
        logits = jnp.stack(
            [each.network.logits(inputs, each.component) for each in self.components]
        )
        each = dist.Bernoulli(logits=logits).log_prob(inputs)[..., jnp.argsort(ranks)]
        before = (jnp.cumsum(each, -1) - each)[..., ranks]
        probs = (jax.nn.softmax(before, 0) * jax.nn.sigmoid(logits)).sum(0)
        return dist.Bernoulli(probs=probs).to_event(1)

    def features(self, inputs: jax.Array) -> jax.Array:
        """The last hidden layers of all networks side by side."""
        return jnp.concatenate([each.features(inputs) for each in self.components], -1)

    def complete(
        self, key: Any, values: jax.Array, held: jax.Array, temperature: float = 1.0
    ) -> tuple[jax.Array, jax.Array]:
        """Draw what is not held, each row by one of the networks."""
        key, own = random.split(key)
        chosen = random.randint(own, values.shape[:-1], 0, self.network.connections.count)
        noise = random.logistic(key, values.shape, values.dtype)

        def add(found: Any, component: jax.Array) -> tuple[Any, None]:
            drawn = compiled(self.network, "complete", values, held, noise, temperature, component)
            here = chosen == component
            return (
                jnp.where(here[..., None], drawn[0], found[0]),
                jnp.where(here, drawn[1], found[1]),
            ), None

        start = jnp.zeros(values.shape, values.dtype), jnp.zeros(values.shape[:-1], values.dtype)
        return lax.scan(add, start, jnp.arange(self.network.connections.count))[0]

    @validate_sample
    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        """log of the mean of the networks' probabilities of whole rows."""
        value = jnp.asarray(value)

        @jax.checkpoint
        def one(component: jax.Array) -> Any:
            logits = self.network.logits(value, component)
            return jnp.asarray(dist.Bernoulli(logits=logits).to_event(1).log_prob(value))

        count = self.network.connections.count
        each = lax.map(one, jnp.arange(count))
        return jnp.asarray(jax.nn.logsumexp(each, axis=0)) - jnp.log(count)

    def mean_given(self, value: jax.Array) -> jax.Array:
        """Each entry's mean given those before it in each network's order, averaged."""
        means = lax.map(
            lambda component: jax.nn.sigmoid(self.network.logits(value, component)),
            jnp.arange(self.network.connections.count),
        )
        return means.mean(0)
