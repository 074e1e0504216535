"""Strided convolutions in the layout of DCGAN (Radford et al. 2016, arXiv:1511.06434), torch."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from ppl_models.networks.normalisation import BatchNorm, VirtualBatchNorm
from ppl_models.networks.reference_batch import REFERENCES

_SCALE = 0.02  # standard deviation of DCGAN's initial weights
_KERNEL = {"kernel_size": 4, "stride": 2, "padding": 1}  # halves or doubles height and width


class Upsampling(nn.Module):
    """A vector to one image: (..., inputs) to (..., height * width).

    A linear layer to 2 `channels` of a quarter of the height and width, and two transposed
    convolutions, 4x4 with stride 2, to `channels` of half, and to the image. Before each ReLU
    stands the normalisation; the layers before it have no bias then. Weights are Normal(0, 0.02)
    and biases zero.

    Args:
        inputs: size of the vector.
        image_shape: height and width, divisible by 4.
        channels: channels of the last hidden layer.
        normalise: `"none"`, `"batch"` or `"virtual"`.
        generator: source of the weights.
    """

    def __init__(
        self,
        inputs: int,
        image_shape: tuple[int, int],
        channels: int,
        normalise: str,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        height, width = image_shape
        self.normalise = normalise
        self.small = 2 * channels, height // 4, width // 4
        plain = normalise == "none"
        size = 2 * channels * (height // 4) * (width // 4)
        small = layer(nn.Linear, inputs, size, generator=generator, bias=plain)
        half = layer(
            nn.ConvTranspose2d, 2 * channels, channels, generator=generator, bias=plain, **_KERNEL
        )
        image = layer(nn.ConvTranspose2d, channels, 1, generator=generator, **_KERNEL)
        self.layers = nn.ModuleList([small, half, image])
        sizes = (2 * channels, channels)
        if normalise == "batch":
            self.norms = nn.ModuleList(BatchNorm(size, dim=-3) for size in sizes)
        elif normalise == "virtual":
            self.norms = nn.ModuleList(VirtualBatchNorm(size) for size in sizes)
            self.refer_to(torch.zeros(REFERENCES, inputs))

    def forward(self, x: Tensor) -> Tensor:
        """The image, flat, before whatever makes a mean of it."""
        leading = x.shape[:-1]
        images = x.reshape(-1, x.shape[-1])
        if self.normalise == "virtual":
            images = self._virtual(images)
        else:
            for position, one in enumerate(self.layers[:-1]):
                images = one(images)
                if position == 0:
                    images = images.unflatten(-1, self.small)
                if self.normalise == "batch":
                    images = self.norms[position](images)
                images = images.relu()
        return self.layers[-1](images).reshape(*leading, -1)

    def refer_to(self, reference: Tensor) -> None:
        """Set the vectors (R, inputs) that virtual batch normalisation refers to."""
        self.register_buffer("reference", reference)

    def _virtual(self, images: Tensor) -> Tensor:
        """The last hidden layer of the images, whose normalisation the reference batch decides."""
        reference = cast(Tensor, self.reference)
        for position, norm in enumerate(self.norms):
            images, reference = (self.layers[position](part) for part in (images, reference))
            if position == 0:
                images, reference = (p.unflatten(-1, self.small) for p in (images, reference))
            images, reference = norm(images, reference)
            images, reference = images.relu(), reference.relu()
        return images


class Downsampling(nn.Module):
    """The mirror image without its last layer: (..., height * width) to (..., outputs).

    Two convolutions, 4x4 with stride 2, to `channels` of half the height and width and twice as
    many of a quarter, each with a leaky ReLU of slope 0.2; what comes out is flat. Weights are
    Normal(0, 0.02) and biases zero.
    """

    def __init__(
        self, image_shape: tuple[int, int], channels: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.image_shape = image_shape
        half = layer(nn.Conv2d, 1, channels, generator=generator, **_KERNEL)
        quarter = layer(nn.Conv2d, channels, 2 * channels, generator=generator, **_KERNEL)
        self.layers = nn.ModuleList([half, quarter])
        height, width = image_shape
        self.outputs = 2 * channels * (height // 4) * (width // 4)

    def forward(self, x: Tensor) -> Tensor:
        """What is found in a flat image."""
        leading = x.shape[:-1]
        images = x.reshape(-1, 1, *self.image_shape)
        for convolution in self.layers:
            images = nn.functional.leaky_relu(convolution(images), 0.2)
        return images.reshape(*leading, -1)


def layer(kind: type[nn.Module], *sizes: int, generator: torch.Generator, **given: Any) -> Any:
    """A layer of a kind with weights as DCGAN draws them, Normal(0, 0.02), and biases of zero."""
    made = nn.utils.skip_init(kind, *sizes, **given)
    nn.init.normal_(cast(Tensor, made.weight), std=_SCALE, generator=generator)
    if made.bias is not None:
        nn.init.zeros_(cast(Tensor, made.bias))
    return made
