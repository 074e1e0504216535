"""Convolutions that see only pixels before their own, whole or a piece of a row at a time, torch.

Pixels come in raster order: row by row from the top, each from the left.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

Apply = Callable[[Any, Tensor], Tensor]


class MaskedConvolution(nn.Module):
    """A convolution with a bias, whose weights are zero where they would see what comes later.

    An output sees `up` rows above its own, `side` columns to the left and the right, and of its own
    row either the pixels to its left (`rows=False`) or all (`rows=True`), where `own` says whether
    its own place, or its own row, is among them: masks B and A of van den Oord et al. (2016,
    arXiv:1601.06759).

    Args:
        inputs: channels that come.
        outputs: channels that go.
        up: rows above that are seen.
        side: columns to each side that are seen.
        own: whether an output sees its own place, or with `rows` its own row: mask B.
        rows: whether whole rows are before or after one another, and not pixels.
        generator: source of the weights, uniform with variance 1 / (weights that count).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        up: int,
        side: int,
        own: bool,
        rows: bool = False,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.up, self.side = up, side
        self._mask = torch.ones(up + 1, 2 * side + 1)
        self._mask[-1, side + own :] = 0
        if rows:
            self._mask[-1] = float(own)
        seen = max(int(self._mask.sum()), 1)  # none, where mask A has no pixel to see
        self.weight = nn.Parameter(torch.empty(outputs, inputs, *self._mask.shape))
        self.bias = nn.Parameter(torch.zeros(outputs))
        limit = (3 / (inputs * seen)) ** 0.5
        nn.init.uniform_(self.weight, -limit, limit, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, outputs, height, width) from (N, inputs, height, width)."""
        return self.inside(functional.pad(x, (self.side, self.side, self.up, 0)))

    def inside(self, x: Tensor) -> Tensor:
        """The outputs whose surroundings lie in x: `up` rows fewer, 2 `side` columns fewer."""
        return functional.conv2d(x, self.weight * self._mask.to(x), self.bias)


def whole(layer: Any, x: Tensor) -> Tensor:
    """All pixels at once."""
    return layer(x)


class Pieces:
    """Passes over one piece of a row after another; what each convolution was given is kept.

    A layer of another kind says by `piece` what it makes of a pixel, and has a memory for it.

    Args:
        image_shape: height and width.
    """

    def __init__(self, image_shape: tuple[int, int]) -> None:
        self.image_shape = image_shape
        self._kept: dict[MaskedConvolution, Tensor] = {}
        self._memories: dict[Any, dict[str, Tensor]] = {}

    def write(self, layer: MaskedConvolution, x: Tensor, row: int, column: int) -> Tensor:
        """Keep a piece (N, inputs, 1, columns) of what a layer is given; all that was kept."""
        if layer not in self._kept:
            height, width = self.image_shape
            shape = (*x.shape[:2], height + layer.up, width + 2 * layer.side)
            self._kept[layer] = x.new_zeros(shape)
        kept, left = self._kept[layer], column + layer.side
        kept[:, :, row + layer.up, left : left + x.shape[-1]] = x[:, :, 0]
        return kept

    def at(self, row: int, column: int) -> Apply:
        """What applies a layer to a piece that begins at a place."""

        def apply(layer: Any, x: Tensor) -> Tensor:
            if not isinstance(layer, MaskedConvolution):
                memory = self._memories.setdefault(layer, {})
                return layer.piece(memory, x, row, column, self.image_shape[1])
            kept = self.write(layer, x, row, column)
            end = column + x.shape[-1] + 2 * layer.side
            return layer.inside(kept[:, :, row : row + layer.up + 1, column:end])

        return apply


class PerClass(nn.Module):
    """What a class adds to each channel, at all pixels alike; nothing without classes."""

    def __init__(self, classes: int, channels: int, generator: torch.Generator) -> None:
        super().__init__()
        if classes:
            self.weight = nn.Parameter(torch.empty(classes, channels))
            nn.init.normal_(self.weight, std=0.1, generator=generator)

    def forward(self, h: Tensor, given: Tensor | None) -> Tensor:
        """h (N, channels, height, width) with what one-hot classes (N, classes) add to it."""
        return h if given is None else h + (given @ self.weight)[..., None, None]


class Places(nn.Module):
    """A bias of its own for each channel of each pixel, zero at the start.

    By it a network knows where in the image it is, which masked convolutions tell by the border
    alone (a location-dependent bias: van den Oord et al. 2016, arXiv:1606.05328, section 2.3).

    Args:
        channels: that come.
        image_shape: height and width.
    """

    def __init__(self, channels: int, image_shape: tuple[int, int]) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels, *image_shape))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, channels, height, width) with their biases."""
        return x + self.bias

    def piece(self, memory: Any, x: Tensor, row: int, column: int, width: int) -> Tensor:
        """A piece (N, channels, 1, columns) of a row with its biases."""
        del memory, width
        return x + self.bias[:, row : row + 1, column : column + x.shape[-1]]


def pointwise(inputs: int, outputs: int, generator: torch.Generator, scale: float = 1.0) -> Any:
    """A 1x1 convolution with weights of variance scale^2 / inputs, and biases of zero."""
    made = cast(nn.Conv2d, nn.utils.skip_init(nn.Conv2d, inputs, outputs, kernel_size=1))
    limit = scale * (3 / prod(made.weight.shape[1:])) ** 0.5
    nn.init.uniform_(made.weight, -limit, limit, generator=generator)
    nn.init.zeros_(cast(Tensor, made.bias))
    return made
