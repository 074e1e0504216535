"""Critics: networks that score data, to train a generator against (torch).

An adversarial objective takes any network of the engine; these match the generators. A critic maps
x, shape (N, data_dim), to one real number per row, shape (N,): a logit, with no sigmoid. What it
takes besides x stands beside x's features: labels y, shape (N,), where it has `classes`, and then
latents z, shape (N, latent_dim), where it has a `latent_dim`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from ppl_models.networks import convolutions, recurrent
from ppl_models.networks.arguments import (
    ACTIVATIONS,
    check_choice,
    check_count,
    check_flag,
    check_image_shape,
    check_seed,
    check_size,
    check_sizes,
)
from ppl_models.networks.described import Described, check_beside
from ppl_models.networks.mlp import ACTIVATION_FUNCTIONS

KERNEL = 5  # dimension of each minibatch kernel


class MinibatchFeatures(nn.Module):
    """How near the other rows of the batch are, under `count` kernels (Salimans et al. 2016).

    With M = f T, seen as `count` vectors of KERNEL numbers for each row i of features f,

        o_ib = sum_j exp(-|M_ib - M_jb|_1),   j over all rows

    so that a critic can tell a batch of equal rows from data.
    """

    def __init__(self, size: int, count: int, generator: torch.Generator) -> None:
        super().__init__()
        self.count = count
        self.kernels = recurrent.linear(size, count * KERNEL, generator, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """(N, size) to (N, count)."""
        vectors = self.kernels(features).unflatten(-1, (self.count, KERNEL))
        distance = (vectors[:, None] - vectors[None]).abs().sum(-1)
        return (-distance).exp().sum(1)


class _Critic(Described, nn.Module):
    """A last linear layer over features that a subclass finds."""

    classes: int
    latent_dim: int
    spectral_norm: bool
    minibatch_features: int
    seed: int

    def forward(self, x: Tensor, *others: Tensor) -> Tensor:
        """The score of each row, shape (N,)."""
        return self.head(self.features(x, *others)).squeeze(-1)

    def features(self, x: Tensor, *others: Tensor) -> Tensor:
        """The last hidden layer, shape (N, F), with the minibatch features where there are any."""
        check_beside(self.classes, self.latent_dim, x, others)
        found = self.hidden_layer(x, self._beside(x, others))
        if self.nearness is not None:
            found = torch.cat([found, self.nearness(found)], dim=-1)
        return found

    def hidden_layer(self, x: Tensor, beside: list[Tensor]) -> Tensor:
        """The last hidden layer of x and what stands beside it, (N, F)."""
        raise NotImplementedError

    def _beside(self, x: Tensor, others: tuple[Tensor, ...]) -> list[Tensor]:
        given = list(others)
        if self.classes:
            given[0] = nn.functional.one_hot(given[0].long(), self.classes).to(x.dtype)
        return given

    def _finish(self, size: int, generator: torch.Generator) -> None:
        """Add what follows a hidden layer of a size, and normalise every layer's weights."""
        count = self.minibatch_features
        self.nearness = MinibatchFeatures(size, count, generator) if count else None
        self.head = recurrent.linear(size + count, 1, generator)
        if not self.spectral_norm:
            return
        with torch.random.fork_rng(devices=[]):  # the first singular vectors are random
            torch.manual_seed(self.seed)
            for name, layer in self.named_modules():
                if isinstance(layer, (nn.Linear, nn.Conv2d)) and not name.startswith("nearness"):
                    parametrizations.spectral_norm(layer)


class MLPCritic(_Critic):
    """A critic of fully connected layers.

    Args:
        data_dim: columns of x.
        hidden: hidden sizes; the last is the number of features.
        classes: number of classes of the labels y that it sees beside x, 0 for none.
        latent_dim: columns of the latents z that it sees beside x, 0 for none.
        activation: `"tanh"`, `"relu"`, `"softplus"`, `"elu"`, `"silu"` or `"leaky-relu"`.
        spectral_norm: whether every layer's weight is divided by its largest singular value, which
            one power iteration per call follows (Miyato et al. 2018, arXiv:1802.05957).
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
        super().__init__()
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
        random = torch.Generator().manual_seed(seed)
        sizes = pairwise([data_dim + classes + latent_dim, *self.hidden])
        self.layers = nn.ModuleList(recurrent.linear(*size, random) for size in sizes)
        self._finish(self.hidden[-1], random)

    def hidden_layer(self, x: Tensor, beside: list[Tensor]) -> Tensor:
        """All layers but the last, of x and the rest side by side."""
        found = torch.cat([x, *beside], dim=-1)
        for layer in self.layers:
            found = ACTIVATION_FUNCTIONS[self.activation](layer(found))
        return found


class ConvCritic(_Critic):
    """A critic of convolutions, the mirror image of the convolutional generator.

    Two convolutions of the flat image, 4x4 with stride 2 and leaky ReLUs of slope 0.2, to
    `channels` and twice as many; then a hidden layer that also sees what stands beside x.

    Args:
        image_shape: height and width, divisible by 4.
        channels: channels of the first convolution.
        hidden: size of the hidden layer, the number of features.
        classes: as for `MLPCritic`.
        latent_dim: as for `MLPCritic`.
        spectral_norm: as for `MLPCritic`.
        minibatch_features: as for `MLPCritic`.
        seed: seed of the initial weights.

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
        spectral_norm: bool = False,
        minibatch_features: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.image_shape = check_image_shape(image_shape)
        self.channels = check_size("channels", channels)
        self.hidden = check_size("hidden", hidden)
        self.classes = check_count("classes", classes)
        self.latent_dim = check_count("latent_dim", latent_dim)
        self.spectral_norm = check_flag("spectral_norm", spectral_norm)
        self.minibatch_features = check_count("minibatch_features", minibatch_features)
        self.seed = check_seed(seed)
        random = torch.Generator().manual_seed(seed)
        self.found = convolutions.Downsampling(self.image_shape, channels, random)
        inputs = self.found.outputs + classes + latent_dim
        self.joint = convolutions.linear(inputs, hidden, random)
        self._finish(hidden, random)

    def hidden_layer(self, x: Tensor, beside: list[Tensor]) -> Tensor:
        """The layer after the convolutions."""
        found = torch.cat([cast(Tensor, self.found(x)), *beside], dim=-1)
        return nn.functional.leaky_relu(self.joint(found), 0.2)
