"""Strided convolutions in the layout of DCGAN (Radford et al. 2016, arXiv:1511.06434), flax NNX.

Weights have torch's layout, and images are flat in torch's order (channels, height, width), so
that either engine reads the other's parameters. In between channels come last. A transposed
convolution 4x4 of stride 2 is a matrix product and a sum over blocks of 2x2 pixels: with its
gradient that takes two thirds of the time of XLA's own on a CPU.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

from ppl_models.networks.mlp_numpyro import leaky_relu
from ppl_models.networks.normalisation_numpyro import BatchNorm, VirtualBatchNorm
from ppl_models.networks.reference_batch import REFERENCES

_SCALE = 0.02  # standard deviation of DCGAN's initial weights
_KERNEL = 4, 4
_OFFSETS = ((0, 0), (0, 1), (1, 0), (1, 1))  # of the four blocks of 2x2 pixels in a window of 4x4


class Convolution(nnx.Module):
    """4x4 with stride 2, from (N, H, W, inputs) to (N, H / 2, W / 2, outputs)."""

    def __init__(self, inputs: int, outputs: int, rngs: nnx.Rngs) -> None:
        self.weight = nnx.Param(_normal((outputs, inputs, *_KERNEL), rngs))
        self.bias = nnx.Param(jnp.zeros(outputs))

    def __call__(self, images: jax.Array) -> jax.Array:
        """Convolve; whole numbers are as good as real ones."""
        weight = self.weight[...]
        images, sides = jnp.asarray(images, weight.dtype), ((1, 1), (1, 1))
        kinds = ("NHWC", "OIHW", "NHWC")
        made = lax.conv_general_dilated(images, weight, (2, 2), sides, dimension_numbers=kinds)
        return made + self.bias[...]


class TransposedConvolution(nnx.Module):
    """4x4 with stride 2, from (N, H, W, inputs) to (N, 2 H, 2 W, outputs)."""

    def __init__(self, inputs: int, outputs: int, rngs: nnx.Rngs, *, bias: bool = True) -> None:
        self.weight = nnx.Param(_normal((inputs, outputs, *_KERNEL), rngs))
        self.bias = nnx.Param(jnp.zeros(outputs)) if bias else None

    def __call__(self, images: jax.Array) -> jax.Array:
        """Put a 4x4 patch of weights for each pixel into images of twice the size."""
        weight = self.weight[...]
        outputs, (rows, high, wide, _) = weight.shape[1], images.shape
        kernel = jnp.moveaxis(weight.reshape(*weight.shape[:2], 2, 2, 2, 2), 1, -1)
        kernel = jnp.transpose(kernel, (0, 1, 3, 2, 4, 5)).reshape(len(weight), -1)
        patches = (images @ kernel).reshape(rows, high, wide, 4, 4 * outputs)
        blocks = sum(
            jnp.pad(patches[:, :, :, number], ((0, 0), (y, 1 - y), (x, 1 - x), (0, 0)))
            for number, (y, x) in enumerate(_OFFSETS)
        )
        made = _pixels(jnp.asarray(blocks), outputs)[:, 1:-1, 1:-1]
        return made if self.bias is None else made + self.bias[...]


class Upsampling(nnx.Module):
    """A vector to one image: see `convolutions.Upsampling`.

    Args:
        inputs: size of the vector.
        image_shape: height and width, divisible by 4.
        channels: channels of the last hidden layer.
        normalise: `"none"`, `"batch"` or `"virtual"`.
        rngs: source of the weights.
    """

    def __init__(
        self,
        inputs: int,
        image_shape: tuple[int, int],
        channels: int,
        normalise: str,
        rngs: nnx.Rngs,
    ) -> None:
        height, width = image_shape
        self.normalise = normalise
        self.small = 2 * channels, height // 4, width // 4
        plain = normalise == "none"
        size = 2 * channels * (height // 4) * (width // 4)
        self.layers = nnx.List(
            [
                linear(inputs, size, rngs, bias=plain),
                TransposedConvolution(2 * channels, channels, rngs, bias=plain),
                TransposedConvolution(channels, 1, rngs),
            ]
        )
        sizes = (2 * channels, channels)
        if normalise == "batch":
            self.norms: Any = nnx.List(BatchNorm(size) for size in sizes)
        elif normalise == "virtual":
            self.norms = nnx.List(VirtualBatchNorm(size) for size in sizes)
            self.refer_to(jnp.zeros((REFERENCES, inputs)))

    def __call__(self, x: jax.Array) -> jax.Array:
        """The image, flat, before whatever makes a mean of it."""
        leading = x.shape[:-1]
        images = x.reshape(-1, x.shape[-1])
        if self.normalise == "virtual":
            images = self._virtual(images)
        else:
            for position in range(2):
                images = self._made(position, images)
                if self.normalise == "batch":
                    images = self.norms[position](images)
                images = nnx.relu(images)
        return self.layers[2](images).reshape(*leading, -1)

    def refer_to(self, reference: jax.Array) -> None:
        """Set the vectors (R, inputs) that virtual batch normalisation refers to."""
        self.reference = nnx.BatchStat(reference)

    def _virtual(self, images: jax.Array) -> jax.Array:
        """The last hidden layer of the images, whose normalisation the reference batch decides."""
        reference = self.reference[...]
        for position, norm in enumerate(self.norms):
            images, reference = (self._made(position, part) for part in (images, reference))
            images, reference = map(nnx.relu, norm(images, reference))
        return images

    def _made(self, position: int, images: jax.Array) -> jax.Array:
        """What a layer makes, with channels last."""
        images = self.layers[position](images)
        return jnp.moveaxis(images.reshape(-1, *self.small), 1, -1) if position == 0 else images


class Downsampling(nnx.Module):
    """The mirror image without its last layer: see `convolutions.Downsampling`."""

    def __init__(self, image_shape: tuple[int, int], channels: int, rngs: nnx.Rngs) -> None:
        self.image_shape = image_shape
        half, quarter = Convolution(1, channels, rngs), Convolution(channels, 2 * channels, rngs)
        self.layers: Any = nnx.List([half, quarter])
        height, width = image_shape
        self.outputs = 2 * channels * (height // 4) * (width // 4)

    def __call__(self, x: jax.Array) -> jax.Array:
        """What is found in a flat image."""
        leading = x.shape[:-1]
        images = x.reshape(-1, *self.image_shape, 1)
        for convolution in self.layers:
            images = leaky_relu(convolution(images))
        return jnp.moveaxis(images, -1, 1).reshape(*leading, -1)


def linear(fan_in: int, fan_out: int, rngs: nnx.Rngs, *, bias: bool = True) -> Any:
    """A linear layer with weights as DCGAN draws them, Normal(0, 0.02), and biases of zero."""
    drawn = nnx.initializers.normal(_SCALE)
    return nnx.Linear(fan_in, fan_out, use_bias=bias, kernel_init=drawn, rngs=rngs)


def _pixels(blocks: jax.Array, channels: int) -> jax.Array:
    """Blocks of 2x2 pixels, (N, H / 2, W / 2, 4 C), as images (N, H, W, C)."""
    rows, high, wide, _ = blocks.shape
    apart = jnp.swapaxes(blocks.reshape(rows, high, wide, 2, 2, channels), 2, 3)
    return apart.reshape(rows, 2 * high, 2 * wide, channels)


def _normal(shape: tuple[int, ...], rngs: nnx.Rngs) -> jax.Array:
    return _SCALE * jax.random.normal(rngs.params(), shape)
