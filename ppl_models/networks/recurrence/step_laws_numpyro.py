"""What an output says of one step of a sequence (jax)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax import random
from numpyro.distributions import constraints

SMALLEST = 1e-3  # scale: softplus alone can underflow to zero


class BernoulliFrame:
    """Binary entries of a step: see `step_laws.BernoulliFrame`."""

    support: Any = constraints.independent(constraints.boolean, 2)

    def __init__(self, data_dim: int) -> None:
        self.size = data_dim

    def law(self, output: jax.Array, temperature: Any = 1.0) -> Any:
        """The law of a step, batch shape (...,), from output (..., size)."""
        return dist.Bernoulli(logits=output / temperature).to_event(1)

    def draw(
        self, key: Any, output: Any, value: Any, held: Any, temperature: Any
    ) -> tuple[jax.Array, jax.Array]:
        """A step with some entries held, (..., data_dim), and log p of what is held, (...)."""
        each = dist.Bernoulli(logits=output / temperature)
        entry = jnp.where(held, value, each.sample(key).astype(value.dtype))
        return entry, jnp.where(held, each.log_prob(entry), 0.0).sum(-1)


class MixtureFrame:
    """Real entries of a step by a mixture of Gaussians: see `step_laws.MixtureFrame`."""

    support: Any = constraints.independent(constraints.real, 2)

    def __init__(self, data_dim: int, components: int) -> None:
        self.data_dim, self.components = data_dim, components
        self.size = components * (1 + 2 * data_dim)

    def parts(self, output: Any, temperature: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Log weights (..., K), means and scales, each (..., K, data_dim)."""
        first = self.components
        second = first + self.components * self.data_dim
        logits, mean, scale = jnp.split(output, [first, second], -1)
        shape = (*output.shape[:-1], self.components, self.data_dim)
        scale = (jax.nn.softplus(scale) + SMALLEST) * jnp.sqrt(temperature)
        weights = jax.nn.log_softmax(logits / temperature, -1)
        return weights, mean.reshape(shape), scale.reshape(shape)

    def law(self, output: jax.Array, temperature: Any = 1.0) -> Any:
        """The law of a step, batch shape (...,), from output (..., size)."""
        weights, mean, scale = self.parts(output, temperature)
        return dist.MixtureSameFamily(
            dist.Categorical(logits=weights), dist.Normal(mean, scale).to_event(1)
        )

    def draw(
        self, key: Any, output: Any, value: Any, held: Any, temperature: Any
    ) -> tuple[jax.Array, jax.Array]:
        """A step with some entries held: the component is drawn given these."""
        key, own = random.split(key)
        weights, mean, scale = self.parts(output, temperature)
        each = dist.Normal(mean, scale)
        known = jnp.where(held[..., None, :], each.log_prob(value[..., None, :]), 0.0).sum(-1)
        weights = weights + known
        chosen = random.categorical(own, weights)[..., None, None]
        drawn = jnp.take_along_axis(each.sample(key), chosen, -2)[..., 0, :]
        return jnp.where(held, value, drawn), jax.nn.logsumexp(weights, -1)


def frame(kind: str, data_dim: int, components: int) -> Any:
    """The law of a step by name, one of `sequences.FRAMES`."""
    return BernoulliFrame(data_dim) if kind == "bernoulli" else MixtureFrame(data_dim, components)
