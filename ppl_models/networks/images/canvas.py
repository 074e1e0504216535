"""The reading and the writing network of DRAW, and their filters, for Pyro pairs (torch).

Gregor et al. 2015, arXiv:1502.04623. Images are flat: (..., side * side).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ppl_models.networks.mlp import linear
from ppl_models.networks.recurrence.recurrent import LSTM
from ppl_models.networks.start_values import tiling

State = Sequence[Tensor]  # output and memory of the decoder, and the canvas
PARAMETERS = 5  # of a grid: centre across and down, log variance, log stride, log intensity


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


@dataclass(frozen=True)
class Filterbank:
    """Filters down and across, each (..., size, side), and the intensity, (..., 1).

    Every filter sums to one over the image, however far outside of it its centre lies.
    """

    down: Tensor
    across: Tensor
    intensity: Tensor

    def read(self, image: Tensor) -> Tensor:
        """The patch under the grid, times the intensity: (..., size * size)."""
        square = image.unflatten(-1, (self.down.shape[-1], self.across.shape[-1]))
        patch = self.down @ square @ self.across.transpose(-1, -2)
        return self.intensity * patch.flatten(-2)

    def write(self, patch: Tensor) -> Tensor:
        """The patch laid out under the grid, divided by the intensity: (..., side * side)."""
        square = patch.unflatten(-1, (self.down.shape[-2], self.across.shape[-2]))
        image = self.down.transpose(-1, -2) @ square @ self.across
        return image.flatten(-2) / self.intensity


def filterbank(parameters: Tensor, size: int, side: int) -> Filterbank:
    """Filters from free parameters, shape (..., 5).

    The centres of the grid, its stride, and the filters' variance are

        g = (side + 1) / 2 (p_0 + 1) across, with p_1 down,
        delta = (side - 1) / (size - 1) exp(p_3),   sigma^2 = exp(p_2),
        mu_i = g + (i - (size + 1) / 2) delta,   i = 1..size,   intensity = exp(p_4)

    so that with parameters of zero the outer filters are at the edges. Pixels are numbered from 1
    to `side`.
    """
    centre = (side + 1) / 2 * (parameters[..., :2] + 1)
    variance, stride, intensity = parameters[..., 2:].exp().split(1, dim=-1)
    offset = torch.arange(size, dtype=parameters.dtype, device=parameters.device) - (size - 1) / 2
    offset = (side - 1) / max(size - 1, 1) * stride * offset
    pixels = torch.arange(1, side + 1, dtype=parameters.dtype, device=parameters.device)

    def filters(centre: Tensor) -> Tensor:
        distance = pixels - (centre + offset)[..., None]
        return (-(distance**2) / (2 * variance[..., None])).softmax(-1)

    return Filterbank(filters(centre[..., 1:]), filters(centre[..., :1]), intensity)
