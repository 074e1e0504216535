"""A critic of fully connected layers with weights of norm 1 and noise between them (flax)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import jax
import jax.numpy as jnp
from flax import nnx

from ppl_models.networks.critic_arguments import START, DenseArguments
from ppl_models.networks.mlp_numpyro import ACTIVATION_FUNCTIONS, linear


class WeightNorm(nnx.Module):
    """A linear layer whose units have weights of norm 1, or of a norm that is learnt.

    See `dense_critic.WeightNorm`.
    """

    def __init__(self, fan_in: int, fan_out: int, rngs: nnx.Rngs, *, scaled: bool) -> None:
        self.kernel = nnx.Param(START * jax.random.normal(rngs.params(), (fan_in, fan_out)))
        self.scale = nnx.Param(jnp.ones(fan_out)) if scaled else None
        self.bias = nnx.Param(jnp.zeros(fan_out))

    def __call__(self, x: jax.Array) -> jax.Array:
        """(..., fan_in) to (..., fan_out)."""
        kernel = self.kernel[...]
        slope = 1 / jnp.linalg.norm(kernel, axis=0)
        if self.scale is not None:
            slope = self.scale[...] * slope
        return x @ (kernel * slope) + self.bias[...]


class DenseCritic(DenseArguments, nnx.Module):
    """A critic of fully connected layers, of the same arguments as `dense_critic.DenseCritic`.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        data_dim: int = 784,
        hidden: Sequence[int] = (1000, 500, 250, 250, 250),
        *,
        outputs: int = 1,
        activation: str = "relu",
        weight_norm: bool = True,
        input_noise: float = 0.3,
        noise: float = 0.5,
        classes: int = 0,
        latent_dim: int = 0,
        seed: int = 0,
    ) -> None:
        self._keep(
            data_dim,
            hidden,
            outputs=outputs,
            activation=activation,
            weight_norm=weight_norm,
            input_noise=input_noise,
            noise=noise,
            classes=classes,
            latent_dim=latent_dim,
            seed=seed,
        )
        random = nnx.Rngs(seed)
        self.deterministic = False  # the name that nnx.Module.eval() sets
        self.keys = random["noise"].fork()
        last = len(self.hidden)
        self.layers = nnx.List(
            WeightNorm(*sizes, random, scaled=place == last)
            if weight_norm
            else linear(*sizes, random)
            for place, sizes in enumerate(pairwise(self.sizes))
        )

    def __call__(self, x: jax.Array, *others: jax.Array) -> jax.Array:
        """Shape (N,), or (N, outputs) where there are several."""
        output = self.layers[-1](self._noisy(self.features(x, *others), self.noises[-1]))
        return output[:, 0] if self.outputs == 1 else output

    def features(self, x: jax.Array, *others: jax.Array) -> jax.Array:
        """The last hidden layer before the noise on it, shape (N, hidden[-1])."""
        self._check_beside(x, others)
        x, beside = jnp.asarray(x, jnp.result_type(float)), list(others)
        if self.classes:
            beside[0] = nnx.one_hot(jnp.asarray(beside[0], int), self.classes)
        found = jnp.concatenate([x, *beside], axis=-1)
        activation = ACTIVATION_FUNCTIONS[self.activation]
        for layer, noise in zip(list(self.layers)[:-1], self.noises[:-1], strict=True):
            found = activation(layer(self._noisy(found, noise)))
        return found

    def _noisy(self, units: jax.Array, scale: float) -> jax.Array:
        """With noise, in training mode."""
        if self.deterministic or not scale:
            return units
        return units + scale * jax.random.normal(self.keys(), units.shape, units.dtype)
