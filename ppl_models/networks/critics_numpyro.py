"""Critics: networks that score data, to train a generator against (flax NNX).

An adversarial objective takes any network of the engine; this one matches the generator. A critic
maps x, shape (N, data_dim), to one real number per row, shape (N,): a logit, with no sigmoid. What
it takes besides x stands beside x: labels y, shape (N,), where it has `classes`, and then latents
z, shape (N, latent_dim), where it has a `latent_dim`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from ppl_models.networks import recurrent_numpyro as recurrent
from ppl_models.networks.arguments import (
    ACTIVATIONS,
    check_choice,
    check_count,
    check_flag,
    check_seed,
    check_size,
    check_sizes,
)
from ppl_models.networks.described import Described, check_beside
from ppl_models.networks.mlp_numpyro import ACTIVATION_FUNCTIONS

KERNEL = 5  # dimension of each minibatch kernel
_FIRST = 15  # power iterations before the first call, as torch has them


class MinibatchFeatures(nnx.Module):
    """How near the other rows of the batch are, under `count` kernels (Salimans et al. 2016).

    With M = f T, seen as `count` vectors of KERNEL numbers for each row i of features f,

        o_ib = sum_j exp(-|M_ib - M_jb|_1),   j over all rows

    so that a critic can tell a batch of equal rows from data.
    """

    def __init__(self, size: int, count: int, rngs: nnx.Rngs) -> None:
        self.count = count
        self.kernels = recurrent.linear(size, count * KERNEL, rngs, bias=False)

    def __call__(self, features: jax.Array) -> jax.Array:
        """(N, size) to (N, count)."""
        vectors = self.kernels(features).reshape(-1, self.count, KERNEL)
        distance = jnp.abs(vectors[:, None] - vectors[None]).sum(-1)
        return jnp.exp(-distance).sum(1)


class SpectralLinear(nnx.Module):
    """A linear layer whose weight is divided by its largest singular value.

    The value is u W v of singular vectors that one power iteration per call follows, or none in
    evaluation mode (Miyato et al. 2018, arXiv:1802.05957).
    """

    def __init__(self, fan_in: int, fan_out: int, rngs: nnx.Rngs) -> None:
        self.use_running_average = False  # the name that nnx.Module.eval() sets
        layer = recurrent.linear(fan_in, fan_out, rngs)
        self.kernel, self.bias = layer.kernel, layer.bias
        kernel = np.asarray(layer.kernel[...])
        right = np.asarray(jax.random.normal(rngs.params(), (fan_out,)))
        for _ in range(_FIRST):
            left = kernel @ right
            right = left @ kernel
            right /= np.linalg.norm(right)
        self.right = nnx.BatchStat(jnp.asarray(right))

    def __call__(self, x: jax.Array) -> jax.Array:
        """Apply the layer to the last dimension."""
        return x @ self.weight() + self.bias[...]  # pyright: ignore[reportOptionalSubscript]

    def weight(self) -> jax.Array:
        """The normalised weight, (fan_in, fan_out)."""
        kernel, right = self.kernel[...], self.right[...]
        fixed = jax.lax.stop_gradient(kernel)
        left = fixed @ right
        left /= jnp.linalg.norm(left)
        if not self.use_running_average:
            right = left @ fixed
            right /= jnp.linalg.norm(right)
            self.right[...] = right
        return kernel / (left @ kernel @ right)


class MLPCritic(Described, nnx.Module):
    """A critic of fully connected layers.

    Args:
        data_dim: columns of x.
        hidden: hidden sizes; the last is the number of features.
        classes: number of classes of the labels y that it sees beside x, 0 for none.
        latent_dim: columns of the latents z that it sees beside x, 0 for none.
        activation: `"tanh"`, `"relu"`, `"softplus"`, `"elu"`, `"silu"` or `"leaky-relu"`.
        spectral_norm: whether every layer's weight is divided by its largest singular value, see
            `SpectralLinear`.
        minibatch_features: number of kernels of `MinibatchFeatures`, 0 for none.
        seed: seed of the initial weights.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        data_dim: int = 784,
        hidden: Sequence[int] = (200, 200),
        *,
        classes: int = 0,
        latent_dim: int = 0,
        activation: str = "leaky-relu",
        spectral_norm: bool = False,
        minibatch_features: int = 0,
        seed: int = 0,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.hidden = check_sizes("hidden", hidden)
        if not self.hidden:
            raise ValueError("hidden must have a size, as features are a hidden layer; got ().")
        self.classes = check_count("classes", classes)
        self.latent_dim = check_count("latent_dim", latent_dim)
        self.activation = check_choice("activation", activation, ACTIVATIONS)
        self.spectral_norm = check_flag("spectral_norm", spectral_norm)
        self.minibatch_features = check_count("minibatch_features", minibatch_features)
        self.seed = check_seed(seed)
        random = nnx.Rngs(seed)
        linear = SpectralLinear if spectral_norm else recurrent.linear
        sizes = pairwise([data_dim + classes + latent_dim, *self.hidden])
        self.layers = nnx.List(linear(*size, random) for size in sizes)
        size, count = self.hidden[-1], minibatch_features
        self.nearness = MinibatchFeatures(size, count, random) if count else None
        self.head = linear(size + count, 1, random)

    def __call__(self, x: jax.Array, *others: jax.Array) -> jax.Array:
        """The score of each row, shape (N,)."""
        return self.head(self.features(x, *others)).squeeze(-1)

    def features(self, x: jax.Array, *others: jax.Array) -> jax.Array:
        """The last hidden layer, shape (N, F), with the minibatch features where there are any."""
        check_beside(self.classes, self.latent_dim, x, others)
        given = list(others)
        if self.classes:
            given[0] = nnx.one_hot(given[0], self.classes)
        found = jnp.concatenate([x, *given], axis=-1)
        for layer in self.layers:
            found = ACTIVATION_FUNCTIONS[self.activation](layer(found))
        if self.nearness is not None:
            found = jnp.concatenate([found, self.nearness(found)], axis=-1)
        return found
