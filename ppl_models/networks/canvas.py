"""The reading and the writing network of DRAW for Pyro pairs (torch)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ppl_models.networks.attention import PARAMETERS, filterbank
from ppl_models.networks.recurrent import LSTM, linear
from ppl_models.networks.windows import tiling

State = Sequence[Tensor]  # output and memory of the decoder, and the canvas


class Reader(nn.Module):
    """One step of the encoder: it looks at an image and at what the canvas lacks of it.

        r = [x, x - sigmoid(canvas)], all of it, or the patches under a grid set by h_decoder
        h, c = LSTM([r, h_decoder], h, c),   (m, s) = W h + b

    `glance` is what the image itself adds to the gates where all of it is read: it is the same in
    every step, and worked out once by the caller.
    """

    def __init__(
        self,
        data_dim: int,
        latent_dim: int,
        hidden: int,
        read_size: int | None,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.read_size, self.side = read_size, math.isqrt(data_dim)
        self.seen = linear(
            data_dim if read_size is None else 2 * read_size**2, 4 * hidden, generator, bias=False
        )
        if read_size is not None:
            self.window = _window(hidden, tiling(read_size, self.side), generator)
        self.feedback = linear(hidden, 4 * hidden, generator, bias=False)
        self.cell = LSTM(hidden, generator)
        self.proposal = linear(hidden, 2 * latent_dim, generator)

    def forward(
        self, x: Tensor, glance: Tensor | None, h: Tensor, c: Tensor, drawn: State
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Mean and log scale of z, and the encoder's output and memory."""
        decoded, _, canvas = drawn
        seen = x - canvas.sigmoid()
        if self.read_size is not None:
            bank = filterbank(self.window(decoded), self.read_size, self.side)
            seen = torch.cat([bank.read(x), bank.read(seen)], -1)
        gates = self.seen(seen) + self.feedback(decoded)
        h, c = self.cell(gates if glance is None else gates + glance, h, c)
        mean, log_scale = self.proposal(h).chunk(2, dim=-1)
        return mean, log_scale, h, c


class Painter(nn.Module):
    """One step of the decoder: it adds a stroke to the canvas.

    h, c = LSTM(z, h, c),   canvas += W h + b, all over or under a grid set by h
    """

    def __init__(
        self,
        data_dim: int,
        latent_dim: int,
        hidden: int,
        write_size: int | None,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.write_size, self.side = write_size, math.isqrt(data_dim)
        self.latent = linear(latent_dim, 4 * hidden, generator, bias=False)
        self.cell = LSTM(hidden, generator)
        if write_size is not None:
            stride = self.side / write_size  # an intensity with which a stroke adds what it says
            self.window = _window(hidden, tiling(write_size, self.side, stride**-2), generator)
        self.stroke = linear(hidden, data_dim if write_size is None else write_size**2, generator)

    def forward(self, z: Tensor, drawn: State) -> State:
        """The decoder's output and memory, and the canvas, after z."""
        h, c, canvas = drawn
        h, c = self.cell(self.latent(z), h, c)
        stroke = self.stroke(h)
        if self.write_size is not None:
            stroke = filterbank(self.window(h), self.write_size, self.side).write(stroke)
        return h, c, canvas + stroke


def _window(hidden: int, start: NDArray[np.float32], generator: torch.Generator) -> nn.Linear:
    """Where the decoder's output puts a grid, and where it is at the start."""
    layer = linear(hidden, PARAMETERS, generator)
    with torch.no_grad():
        layer.bias.copy_(torch.from_numpy(start))
    return layer
