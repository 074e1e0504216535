"""A critic of convolutions: a network that scores images, to train a generator against (torch).

An adversarial objective takes any network of the engine; this one matches the convolutional
generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from ppl_models.networks import convolutions
from ppl_models.networks.critic_arguments import ConvArguments
from ppl_models.networks.mlp import linear
from ppl_models.networks.normalisation import VirtualBatchNorm
from ppl_models.networks.reference_batch import REFERENCES

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
        self.kernels = linear(size, count * KERNEL, generator, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """(N, size) to (N, count)."""
        vectors = self.kernels(features).unflatten(-1, (self.count, KERNEL))
        distance = (vectors[:, None] - vectors[None]).abs().sum(-1)
        return (-distance).exp().sum(1)


class ConvCritic(ConvArguments, nn.Module):
    """A critic of convolutions, the mirror image of the convolutional generator.

    It maps flat images x, shape (N, height * width), to one real number per row, shape (N,): a
    logit, with no sigmoid. Two convolutions, 4x4 with stride 2 and leaky ReLUs of slope 0.2, to
    `channels` and twice as many; then a hidden layer that sees beside them labels y, shape (N,),
    if there are `classes`, and then latents z, shape (N, latent_dim), if there is a `latent_dim`.

    Args:
        image_shape: height and width, divisible by 4.
        channels: channels of the first convolution.
        hidden: size of the hidden layer, the number of features.
        classes: number of classes of the labels y, 0 for none.
        latent_dim: columns of the latents z, 0 for none.
        normalise: `"virtual"` has the second convolution normalised by a reference batch, so that
            the score of a row depends on no other of its batch (Salimans et al. 2016): the first
            64 rows that it is given in training, under an adversarial objective data, which are
            then a part of its state, in their order and over again where they are fewer. `"none"`:
            not.
        spectral_norm: whether every layer's weight is divided by its largest singular value, which
            one power iteration per call follows (Miyato et al. 2018, arXiv:1802.05957).
        minibatch_features: number of kernels of `MinibatchFeatures`, 0 for none.
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
        normalise: str = "none",
        spectral_norm: bool = False,
        minibatch_features: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
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
        random = torch.Generator().manual_seed(seed)
        self.found = convolutions.Downsampling(self.image_shape, channels, random)
        inputs = self.found.outputs + classes + latent_dim
        self.joint = convolutions.layer(nn.Linear, inputs, hidden, generator=random)
        count = minibatch_features
        self.nearness = MinibatchFeatures(hidden, count, random) if count else None
        self.head = linear(hidden + count, 1, random)
        if normalise == "virtual":
            self.norm = VirtualBatchNorm(2 * channels)
            self.register_buffer("reference", torch.zeros(REFERENCES, prod(self.image_shape)))
            self.register_buffer("begun", torch.zeros(()))
        if spectral_norm:
            self._normalise()

    def forward(self, x: Tensor, *others: Tensor) -> Tensor:
        """The score of each row, shape (N,)."""
        return self.head(self.features(x, *others)).squeeze(-1)

    def features(self, x: Tensor, *others: Tensor) -> Tensor:
        """The hidden layer, shape (N, F), with the minibatch features where there are any."""
        self._check_beside(x, others)
        beside = list(others)
        if self.classes:
            beside[0] = nn.functional.one_hot(beside[0].long(), self.classes).to(x.dtype)
        found = torch.cat([self._found(x), *beside], dim=-1)
        found = nn.functional.leaky_relu(self.joint(found), 0.2)
        if self.nearness is not None:
            found = torch.cat([found, self.nearness(found)], dim=-1)
        return found

    def _found(self, x: Tensor) -> Tensor:
        """What the convolutions find, (N, F)."""
        if self.normalise == "none":
            return self.found(x)
        reference, begun = cast(Tensor, self.reference), cast(Tensor, self.begun)
        if self.training and not begun:
            rows = torch.arange(REFERENCES, device=x.device) % len(x)
            reference.copy_(x.detach()[rows])
            begun.fill_(1.0)
        half, quarter = self.found.layers
        parts = [
            quarter(nn.functional.leaky_relu(half(rows.view(-1, 1, *self.image_shape)), 0.2))
            for rows in (x, reference.clone())
        ]
        return nn.functional.leaky_relu(self.norm(*parts)[0], 0.2).flatten(1)

    def _normalise(self) -> None:
        """Divide the weights of all layers but the minibatch kernels by their singular values."""
        with torch.random.fork_rng(devices=[]):  # the first singular vectors are random
            torch.manual_seed(self.seed)
            for layer in (*self.found.layers, self.joint, self.head):
                parametrizations.spectral_norm(layer)
