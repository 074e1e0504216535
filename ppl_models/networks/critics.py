"""A critic of convolutions: a network that scores images, to train a generator against (torch).

An adversarial objective takes any network of the engine; this one matches the convolutional
generator.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from ppl_models.networks import convolutions
from ppl_models.networks.arguments import (
    check_count,
    check_flag,
    check_image_shape,
    check_seed,
    check_size,
)
from ppl_models.networks.mlp import linear

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


class ConvCritic(nn.Module):
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
        self.joint = convolutions.layer(nn.Linear, inputs, hidden, generator=random)
        count = minibatch_features
        self.nearness = MinibatchFeatures(hidden, count, random) if count else None
        self.head = linear(hidden + count, 1, random)
        if spectral_norm:
            self._normalise()

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The constructor's arguments as JSON has them, by which a run's spec names the critic."""
        given = {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}
        return {**given, "image_shape": list(self.image_shape)}

    def forward(self, x: Tensor, *others: Tensor) -> Tensor:
        """The score of each row, shape (N,)."""
        return self.head(self.features(x, *others)).squeeze(-1)

    def features(self, x: Tensor, *others: Tensor) -> Tensor:
        """The hidden layer, shape (N, F), with the minibatch features where there are any."""
        self._check_beside(x, others)
        beside = list(others)
        if self.classes:
            beside[0] = nn.functional.one_hot(beside[0].long(), self.classes).to(x.dtype)
        found = torch.cat([cast(Tensor, self.found(x)), *beside], dim=-1)
        found = nn.functional.leaky_relu(self.joint(found), 0.2)
        if self.nearness is not None:
            found = torch.cat([found, self.nearness(found)], dim=-1)
        return found

    def _normalise(self) -> None:
        """Divide the weights of all layers but the minibatch kernels by their singular values."""
        with torch.random.fork_rng(devices=[]):  # the first singular vectors are random
            torch.manual_seed(self.seed)
            for layer in (*self.found.layers, self.joint, self.head):
                parametrizations.spectral_norm(layer)

    def _check_beside(self, x: Tensor, others: tuple[Tensor, ...]) -> None:
        """Check y, (N,), if there are classes, then z, (N, latent_dim), if there are latents."""
        wanted = [("y", "(N,)", "classes")] if self.classes else []
        wanted += [("z", f"(N, {self.latent_dim})", "latent_dim")] if self.latent_dim else []
        if len(others) != len(wanted):
            listed = " and ".join(f"{name} of shape {shape}" for name, shape, _ in wanted)
            raise ValueError(
                f"the critic takes {listed or 'nothing'} besides x, got {len(others)} arrays; call "
                "it with these, or build it with the classes= and latent_dim= of what you have."
            )
        for (name, shape, argument), other in zip(wanted, others, strict=True):
            expected = (len(x),) if name == "y" else (len(x), self.latent_dim)
            if tuple(other.shape) != expected:
                raise ValueError(
                    f"the critic's {name} must have shape {shape}, here {expected}, got "
                    f"{tuple(other.shape)}; build the critic with {argument}= of it."
                )
