"""PixelRNN's layers: what was seen of an image, row by row or diagonal by diagonal (torch)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ppl_models.networks.images.masked_convolutions import (
    Apply,
    MaskedConvolution,
    PerClass,
    pointwise,
)
from ppl_models.networks.images.pixel_networks import FIRST, LATER
from ppl_models.networks.mlp import linear

CELLS = ("row", "diagonal")
Memory = dict[str, Tensor]


class RowLSTM(nn.Module):
    """An LSTM that takes a row at a step, from the top.

        i, f, g, o = conv_B(x_row) + conv(h_above)
        c = sigmoid(f + 1) c_above + sigmoid(i) tanh(g),   h = sigmoid(o) tanh(c)

    Both convolutions are three pixels wide; that of the layer's input sees a pixel and the one to
    its left (van den Oord et al. 2016, arXiv:1601.06759, section 3.1). A state sees above it a
    triangle.

    Args:
        channels: of what comes.
        size: of a state.
        generator: source of the weights.
    """

    def __init__(self, channels: int, size: int, generator: torch.Generator) -> None:
        super().__init__()
        own: Any = {"up": 0, "side": LATER, "own": True, "generator": generator}
        self.size = size
        self.inputs = MaskedConvolution(channels, 4 * size, **own)
        self.above = MaskedConvolution(size, 4 * size, rows=True, **own)

    def forward(self, x: Tensor) -> Tensor:
        """States (N, size, height, width) from (N, channels, height, width)."""
        h = c = x.new_zeros(len(x), self.size, 1, x.shape[-1])
        found = []
        for row in self.inputs(x).split(1, 2):
            h, c = _step((row + self.above(h)).chunk(4, 1), c)
            found.append(h)
        return torch.cat(found, 2)

    def piece(self, memory: Memory, x: Tensor, row: int, column: int, width: int) -> Tensor:
        """The state of one pixel, (N, size, 1, 1), after those before it.

        Args:
            memory: what the layer keeps from one pixel to the next; empty at the first.
            x: what comes at the pixel, (N, channels, 1, 1).
            row: of the pixel.
            column: of the pixel.
            width: of an image.
        """
        if not column:
            if not row:
                memory |= {name: x.new_zeros(len(x), self.size, 1, width) for name in "hc"}
                memory["x"] = x.new_zeros(*x.shape[:2], 1, width + 2 * LATER)
            memory["above"] = self.above(memory["h"])
        here, seen = slice(column, column + 1), slice(column, column + 2 * LATER + 1)
        memory["x"][..., column + LATER, None] = x  # what the row above left is masked away
        gates = self.inputs.inside(memory["x"][..., seen]) + memory["above"][..., here]
        h, c = _step(gates.chunk(4, 1), memory["c"][..., here])
        memory["h"][..., here], memory["c"][..., here] = h, c
        return h


class DiagonalLSTM(nn.Module):
    """An LSTM that goes on from the pixel to the left and the one above, a diagonal at a step.

        i, f, g, o = W x + V (h_left, h_above) + b
        c = sigmoid(f + 1) c_left + sigmoid(i) tanh(g),   h = sigmoid(o) tanh(c)

    A state has seen all pixels of a rectangle, whose last corner is its own (section 3.2 there).

    Args:
        channels: of what comes.
        size: of a state.
        generator: source of the weights.
    """

    def __init__(self, channels: int, size: int, generator: torch.Generator) -> None:
        super().__init__()
        self.size = size
        self.inputs = pointwise(channels, 4 * size, generator)
        self.before = linear(2 * size, 4 * size, generator)

    def forward(self, x: Tensor) -> Tensor:
        """States (N, size, height, width) from (N, channels, height, width)."""
        rows, height, width = len(x), *x.shape[-2:]
        shown = _skewed(self.inputs(x)).permute(3, 0, 2, 1)  # (diagonals, N, height, 4 size)
        h = c = x.new_zeros(rows, height, self.size)
        number, found = torch.arange(height, device=x.device)[:, None], []
        for diagonal, gates in enumerate(shown):
            above = functional.pad(h, (0, 0, 1, 0))[:, :-1]
            states = _step((gates + self.before(torch.cat([h, above], -1))).chunk(4, -1), c)
            begun = number <= diagonal  # a row has no pixels on earlier diagonals
            h, c = (torch.where(begun, part, 0.0) for part in states)
            found.append(h)
        return _straight(torch.stack(found, -1).transpose(1, 2), width)

    def state(self, x: Tensor, left: tuple[Tensor, Tensor], above: Tensor) -> tuple[Tensor, Tensor]:
        """h and c of one pixel, (N, size, 1, 1) each, as all arguments are."""
        before = self.before(torch.cat([left[0], above], 1)[:, :, 0, 0])[..., None, None]
        return _step((self.inputs(x) + before).chunk(4, 1), left[1])


class DiagonalBiLSTM(nn.Module):
    """Two such, of which one goes on from the right, and says what it has seen a row later.

    Together they have seen what comes at every pixel before. Arguments as of `DiagonalLSTM`.
    """

    def __init__(self, channels: int, size: int, generator: torch.Generator) -> None:
        super().__init__()
        self.size = size
        self.from_left = DiagonalLSTM(channels, size, generator)
        self.from_right = DiagonalLSTM(channels, size, generator)

    def forward(self, x: Tensor) -> Tensor:
        """The sum of the two, (N, size, height, width), from (N, channels, height, width)."""
        right = self.from_right(x.flip(-1)).flip(-1)
        return self.from_left(x) + functional.pad(right, (0, 0, 1, 0))[:, :, :-1]

    def piece(self, memory: Memory, x: Tensor, row: int, column: int, width: int) -> Tensor:
        """The sum at one pixel, (N, size, 1, 1): see `RowLSTM.piece`."""
        nothing = x.new_zeros(len(x), self.size, 1, 1)
        if not column:
            if not row:
                memory |= {side: nothing.repeat(1, 1, 1, width) for side in ("left", "right")}
                memory["x"] = x.new_zeros(*x.shape[:2], 1, width)
            else:
                self._row_from_right(memory, nothing, width)
            memory |= {"h": nothing, "c": nothing}
        here = slice(column, column + 1)
        memory["x"][..., here] = x
        before = memory["h"], memory["c"]
        h, c = self.from_left.state(x, before, memory["left"][..., here])
        memory |= {"h": h, "c": c}
        memory["left"][..., here] = h
        return h + memory["right"][..., here]

    def _row_from_right(self, memory: Memory, nothing: Tensor, width: int) -> None:
        """Go through the row that is done, from its end."""
        before = nothing, nothing
        for column in reversed(range(width)):
            here = slice(column, column + 1)
            x, above = memory["x"][..., here], memory["right"][..., here]
            before = self.from_right.state(x, before, above)
            memory["right"][..., here] = before[0]


class Recurrent(nn.Module):
    """A first convolution with mask A, and layers h + 1x1(lstm(h)), half as wide inside.

    Args:
        channels: of the hidden layers.
        layers: how many follow the first.
        classes: 0 for none.
        generator: source of the weights.
        cell: one of `CELLS`.
    """

    at_once: int | None = None  # a step takes as long for one image as for many

    def __init__(
        self, channels: int, layers: int, classes: int, generator: torch.Generator, *, cell: str
    ) -> None:
        super().__init__()
        self.first = MaskedConvolution(
            1, channels, up=FIRST, side=FIRST, own=False, generator=generator
        )
        self.per_class = PerClass(classes, channels, generator)
        half, kind = (channels + 1) // 2, RowLSTM if cell == "row" else DiagonalBiLSTM
        self.cells = nn.ModuleList(kind(channels, half, generator) for _ in range(layers))
        self.wide = nn.ModuleList(pointwise(half, channels, generator) for _ in range(layers))

    @property
    def inputs(self) -> tuple[MaskedConvolution, ...]:
        """The layers that see the image."""
        return (self.first,)

    def above(self, x: Tensor, given: Tensor | None, apply: Apply) -> list[Tensor]:
        """What whole rows above say to each layer: its own state says it."""
        del x, given, apply
        return []

    def along(self, x: Tensor, above: list[Tensor], given: Tensor | None, apply: Apply) -> Tensor:
        """The last hidden layer, (N, channels, height, width)."""
        del above
        h = self.per_class(apply(self.first, x), given)
        for cell, wide in zip(self.cells, self.wide, strict=True):
            h = h + wide(apply(cell, h))
        return h


def _step(gates: Any, c: Tensor) -> tuple[Tensor, Tensor]:
    """h and c of an LSTM whose gate f begins open, from its four gates."""
    i, f, g, o = gates
    c = (f + 1).sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def _skewed(x: Tensor) -> Tensor:
    """Rows moved right by their number, (..., height, height + width - 1); zeros elsewhere."""
    height, width = x.shape[-2:]
    flat = functional.pad(x, (0, height)).flatten(-2)[..., :-height]
    return flat.reshape(*x.shape[:-1], height + width - 1)


def _straight(x: Tensor, width: int) -> Tensor:
    """Rows moved back, (..., height, width)."""
    flat = functional.pad(x.flatten(-2), (0, x.shape[-2]))
    return flat.reshape(*x.shape[:-1], -1)[..., :width]
