"""A critic of convolutions, which scores images, to train a generator against (flax NNX)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

from ppl_models.networks import convolutions_numpyro as convolutions
from ppl_models.networks.critic_arguments import ConvArguments
from ppl_models.networks.mlp_numpyro import leaky_relu, linear
from ppl_models.networks.normalisation_numpyro import VirtualBatchNorm
from ppl_models.networks.reference_batch import REFERENCES

KERNEL = 5  # dimension of each minibatch kernel


class MinibatchFeatures(nnx.Module):
    """How near the other rows of the batch are: see `critics.MinibatchFeatures`."""

    def __init__(self, size: int, count: int, rngs: nnx.Rngs) -> None:
        self.count = count
        self.kernels = linear(size, count * KERNEL, rngs, bias=False)

    def __call__(self, features: jax.Array) -> jax.Array:
        """(N, size) to (N, count)."""
        vectors = self.kernels(features).reshape(-1, self.count, KERNEL)
        distance = jnp.abs(vectors[:, None] - vectors[None]).sum(-1)
        return jnp.exp(-distance).sum(1)


class SpectralNorm(nnx.Module):
    """A layer W x + b as W x / s + b, with the largest singular value s of W.

    One power iteration per call in training mode follows it (Miyato et al. 2018, arXiv:1802.05957).
    """

    def __init__(self, layer: Any, rngs: nnx.Rngs) -> None:
        self.layer = layer
        self.use_running_average = False  # the name that nnx.Module.eval() sets
        start = jax.random.normal(rngs.params(), (len(self._matrix()),))
        self.left = nnx.BatchStat(_unit(start))

    def __call__(self, x: jax.Array) -> jax.Array:
        """Apply the layer."""
        matrix, left = self._matrix(), self.left[...]
        fixed = lax.stop_gradient(matrix)
        if not self.use_running_average:
            left = _unit(fixed @ (left @ fixed))
            self.left[...] = left
        largest = left @ matrix @ _unit(left @ fixed)
        bias = self.layer.bias[...]
        return (self.layer(x) - bias) / largest + bias

    def _matrix(self) -> jax.Array:
        """The weight as (outputs, inputs); of a convolution its patches."""
        if isinstance(self.layer, nnx.Linear):
            return self.layer.kernel[...].T
        weight = self.layer.weight[...]
        return weight.reshape(len(weight), -1)


class ConvCritic(ConvArguments, nnx.Module):
    """A critic of convolutions, of the same arguments as `critics.ConvCritic`.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (28, 28),
        channels: int = 32,
        *,
        hidden: int = 128,
        classes: int = 0,
        latent_dim: int = 0,
        normalise: str = "none",
        spectral_norm: bool = False,
        minibatch_features: int = 0,
        seed: int = 0,
    ) -> None:
        self._keep(
            image_shape,
            channels,
            hidden=hidden,
            classes=classes,
            latent_dim=latent_dim,
            normalise=normalise,
            spectral_norm=spectral_norm,
            minibatch_features=minibatch_features,
            seed=seed,
        )
        random = nnx.Rngs(seed)
        self.use_running_average = False  # the name that nnx.Module.eval() sets
        self.found = convolutions.Downsampling(self.image_shape, channels, random)
        inputs = self.found.outputs + classes + latent_dim
        self.joint: Any = convolutions.linear(inputs, hidden, random)
        count = minibatch_features
        self.nearness = MinibatchFeatures(hidden, count, random) if count else None
        self.head: Any = linear(hidden + count, 1, random)
        if normalise == "virtual":
            self.norm = VirtualBatchNorm(2 * channels)
            self.reference = nnx.BatchStat(jnp.zeros((REFERENCES, prod(self.image_shape))))
            self.begun = nnx.BatchStat(jnp.zeros(()))
        if spectral_norm:
            layers = [SpectralNorm(layer, random) for layer in self.found.layers]
            self.found.layers = nnx.List(layers)
            self.joint, self.head = (SpectralNorm(each, random) for each in (self.joint, self.head))

    def __call__(self, x: jax.Array, *others: jax.Array) -> jax.Array:
        """The score of each row, shape (N,)."""
        return self.head(self.features(x, *others))[:, 0]

    def features(self, x: jax.Array, *others: jax.Array) -> jax.Array:
        """The hidden layer, shape (N, F), with the minibatch features where there are any."""
        self._check_beside(x, others)
        x, beside = jnp.asarray(x, jnp.result_type(float)), list(others)
        if self.classes:
            beside[0] = nnx.one_hot(jnp.asarray(beside[0], int), self.classes)
        found = leaky_relu(self.joint(jnp.concatenate([self._found(x), *beside], axis=-1)))
        if self.nearness is None:
            return found
        return jnp.concatenate([found, self.nearness(found)], axis=-1)

    def _found(self, x: jax.Array) -> jax.Array:
        """What the convolutions find, (N, F)."""
        if self.normalise == "none":
            return self.found(x)
        if not self.use_running_average:
            first = lax.stop_gradient(x)[jnp.arange(REFERENCES) % len(x)]
            self.reference[...] = jnp.where(self.begun[...] > 0, self.reference[...], first)
            self.begun[...] = jnp.ones(())
        half, quarter = self.found.layers
        parts = [
            quarter(leaky_relu(half(rows.reshape(-1, *self.image_shape, 1))))
            for rows in (x, self.reference[...])
        ]
        normalised = leaky_relu(self.norm(*parts)[0])
        return jnp.moveaxis(normalised, -1, 1).reshape(len(x), -1)


def _unit(vector: jax.Array) -> jax.Array:
    return vector / jnp.maximum(jnp.linalg.norm(vector), 1e-12)
