"""PixelCNN's networks: from the pixels before each one to what its law is made of (torch)."""

from __future__ import annotations

import itertools
from itertools import pairwise
from math import prod
from typing import Any, cast

import torch
from torch import Tensor, nn

from ppl_models.networks.images.masked_convolutions import (
    Apply,
    MaskedConvolution,
    PerClass,
    Pieces,
    Places,
    pointwise,
    whole,
)

FIRST, LATER = 3, 1  # pixels that a layer sees to each side: 7x7, then 3x3
AT_ONCE = 16  # images whose layers a core's cache holds: of 2,000 each takes four times as long


class Residual(nn.Module):
    """A block of van den Oord et al. (2016, arXiv:1601.06759), half as wide inside.

    h + 1x1(relu(3x3(relu(1x1(relu(h))) + class)))

    or with `reach` pixels to each side and above in place of one.
    """

    def __init__(
        self, channels: int, classes: int, generator: torch.Generator, reach: int = LATER
    ) -> None:
        super().__init__()
        half = (channels + 1) // 2
        self.narrow = pointwise(channels, half, generator)
        self.middle = MaskedConvolution(
            half, half, up=reach, side=reach, own=True, generator=generator
        )
        self.per_class = PerClass(classes, half, generator)
        self.wide = pointwise(half, channels, generator)

    def forward(self, h: Tensor, given: Tensor | None, apply: Apply) -> Tensor:
        """The same shape."""
        middle = self.per_class(apply(self.middle, self.narrow(h.relu()).relu_()), given)
        return h + self.wide(middle.relu_())


class Plain(nn.Module):
    """One stack of masked convolutions; pixels above to the right stay out of sight.

    Args:
        channels: of the hidden layers.
        blocks: residual blocks after the first layer.
        classes: 0 for none.
        generator: source of the weights.
        places: height and width, where the first layer has biases for each pixel.
        reach: pixels that later layers see to each side and above: 1 is 3x3.
    """

    at_once: int | None = AT_ONCE

    def __init__(
        self,
        channels: int,
        blocks: int,
        classes: int,
        generator: torch.Generator,
        *,
        places: tuple[int, int] | None = None,
        reach: int = LATER,
    ) -> None:
        super().__init__()
        self.first = MaskedConvolution(
            1, channels, up=FIRST, side=FIRST, own=False, generator=generator
        )
        self.places = None if places is None else Places(channels, places)
        self.per_class = PerClass(classes, channels, generator)
        self.blocks = nn.ModuleList(
            Residual(channels, classes, generator, reach) for _ in range(blocks)
        )

    @property
    def inputs(self) -> tuple[MaskedConvolution, ...]:
        """The layers that see the image."""
        return (self.first,)

    def above(self, x: Tensor, given: Tensor | None, apply: Apply) -> list[Tensor]:
        """What whole rows above say to each layer: there is no stack for these."""
        del x, given, apply
        return []

    def along(self, x: Tensor, above: list[Tensor], given: Tensor | None, apply: Apply) -> Tensor:
        """The last hidden layer, (N, channels, height, width)."""
        del above
        h = apply(self.first, x)
        h = h if self.places is None else apply(self.places, h)
        h = self.per_class(h, given)
        h = h.contiguous(memory_format=torch.channels_last)  # a third faster on a CPU
        for block in self.blocks:
            h = block(h, given, apply)
        return h


class GatedLayer(nn.Module):
    """A layer of the gated PixelCNN (van den Oord et al. 2016, arXiv:1606.05328, figure 2).

        v' = gate(a + class),                       a = conv(v), of the rows above
        h' = h + 1x1(gate(conv(h) + 1x1(a) + class)),    of the pixels to the left
        gate(a, b) = tanh(a) sigmoid(b)

    The first layer has no h to add, which is the image; the last has no v' to make.
    """

    def __init__(
        self,
        sizes: tuple[int, int],
        classes: int,
        generator: torch.Generator,
        *,
        first: bool,
        last: bool,
        places: tuple[int, int] | None = None,
        reach: int = LATER,
    ) -> None:
        super().__init__()
        inputs, channels = sizes
        self.first, side = first, FIRST if first else reach
        own: Any = {"side": side, "own": not first, "generator": generator}
        self.rows = MaskedConvolution(inputs, 2 * channels, up=side, rows=True, **own)
        self.pixels = MaskedConvolution(inputs, 2 * channels, up=0, **own)
        self.down = pointwise(2 * channels, 2 * channels, generator)
        self.out = pointwise(channels, channels, generator)
        self.places = None if places is None else Places(2 * channels, places)
        self.pixels_class = PerClass(classes, 2 * channels, generator)
        self.rows_class = None if last else PerClass(classes, 2 * channels, generator)

    def above(self, v: Tensor, given: Tensor | None, apply: Apply) -> tuple[Tensor, Tensor]:
        """v', or v in the last layer, and what it says to the pixels to the left."""
        found = apply(self.rows, v)
        if self.rows_class is not None:
            v = _gate(self.rows_class(found, given))
        return v, self.down(found)

    def along(self, h: Tensor, above: Tensor, given: Tensor | None, apply: Apply) -> Tensor:
        """h'."""
        found = apply(self.pixels, h) + above
        found = found if self.places is None else apply(self.places, found)
        found = self.pixels_class(found, given)
        out = self.out(_gate(found))
        return out if self.first else h + out


class Gated(nn.Module):
    """Two stacks of gated convolutions, of rows above and of pixels to the left: no blind spot.

    Arguments as of `Plain`; `blocks` layers follow the first.
    """

    at_once: int | None = AT_ONCE

    def __init__(
        self,
        channels: int,
        blocks: int,
        classes: int,
        generator: torch.Generator,
        *,
        places: tuple[int, int] | None = None,
        reach: int = LATER,
    ) -> None:
        super().__init__()
        sizes = (1, *(channels for _ in range(blocks + 1)))
        self.layers = nn.ModuleList(
            GatedLayer(
                pair,
                classes,
                generator,
                first=n == 0,
                last=n == blocks,
                places=None if n else places,
                reach=reach,
            )
            for n, pair in enumerate(pairwise(sizes))
        )

    @property
    def inputs(self) -> tuple[MaskedConvolution, ...]:
        """The layers that see the image."""
        first: Any = self.layers[0]
        return first.rows, first.pixels

    def above(self, x: Tensor, given: Tensor | None, apply: Apply) -> list[Tensor]:
        """What the rows above say to each layer, (N, 2 channels, height, width)."""
        said, v, layers = [], x, cast(Any, self.layers)
        for layer in layers:
            v, one = layer.above(v, given, apply)
            said.append(one)
        return said

    def along(self, x: Tensor, above: list[Tensor], given: Tensor | None, apply: Apply) -> Tensor:
        """The last hidden layer, (N, channels, height, width)."""
        h, layers = x, cast(Any, self.layers)
        for layer, one in zip(layers, above, strict=True):
            h = layer.along(h, one, given, apply)
        return h


class PixelNetwork(nn.Module):
    """Outputs of every pixel from the pixels before it.

    output = 1x1(relu(1x1(relu(h)))), h the last layer of one of the stacks above. Pixels come in
    [0, 1] and are seen as -1 to 1, so that the border, which is 0, differs from both.

    Args:
        image_shape: height and width.
        channels: of the hidden layers.
        stack: the layers, such as `Plain`, `Gated` or `pixel_recurrent.Recurrent`.
        start: the outputs' biases at the start, (size,).
        generator: source of the weights.
    """

    def __init__(
        self,
        image_shape: tuple[int, int],
        channels: int,
        stack: Any,
        *,
        start: Tensor,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.stack = stack
        self.head = pointwise(channels, channels, generator)
        self.last = pointwise(channels, len(start), generator, 0.1)
        with torch.no_grad():
            self.last.bias.copy_(start)

    def features(self, x: Tensor, given: Tensor | None = None) -> Tensor:
        """The last hidden layer of each pixel, (..., height * width, channels)."""
        leading, images = x.shape[:-1], self._shown(x.reshape(-1, 1, *self.image_shape))
        if given is not None:
            given = given.expand(*leading, -1).reshape(-1, given.shape[-1])
        return self._hidden(images, given).reshape(*leading, prod(self.image_shape), -1)

    def _hidden(self, images: Tensor, given: Tensor | None) -> Tensor:
        """The same of images as they are shown, (N, height * width, channels)."""
        size = self.stack.at_once
        if size and len(images) > size and not (torch.is_grad_enabled() or images.is_cuda):
            classes = itertools.repeat(None) if given is None else given.split(size)
            parts = zip(images.split(size), classes, strict=False)
            return torch.cat([self._hidden(*part) for part in parts])
        found = self.stack.along(images, self.stack.above(images, given, whole), given, whole)
        return self._headed(found).flatten(2).mT

    def outputs(self, x: Tensor, given: Tensor | None = None) -> Tensor:
        """Outputs (..., height * width, size) from flat images and one-hot classes of each."""
        weight = self.last.weight[:, :, 0, 0]
        return nn.functional.linear(self.features(x, given), weight, self.last.bias)

    def in_order(self, rows: int, given: Tensor | None, choose: Any) -> None:
        """Go through the pixels in their order, each layer computed once at each.

        Args:
            rows: how many images.
            given: one-hot classes, (rows, classes).
            choose: from a pixel's number and outputs (rows, size) to its values, (rows,).
        """
        height, width = self.image_shape
        pieces = Pieces(self.image_shape)
        empty = self.last.bias.new_zeros(rows, 1, 1, width)
        for row in range(height):
            above = self.stack.above(empty, given, pieces.at(row, 0))
            for column in range(width):
                here = [part[..., column : column + 1] for part in above]
                apply = pieces.at(row, column)
                found = self.last(
                    self._headed(self.stack.along(empty[..., :1], here, given, apply))
                )
                value = self._shown(choose(row * width + column, found[..., 0, 0]))
                for layer in self.stack.inputs:
                    pieces.write(layer, value[:, None, None, None], row, column)

    def _headed(self, h: Tensor) -> Tensor:
        return self.head(h.relu()).relu_()

    def _shown(self, x: Tensor) -> Tensor:
        return 2 * x - 1


def _gate(x: Tensor) -> Tensor:
    one, other = x.chunk(2, 1)
    return one.tanh() * other.sigmoid()
