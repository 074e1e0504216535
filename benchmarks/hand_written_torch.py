"""What a torch expert would write without the zoo: a VAE, a PixelCNN, and a loop for either."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from benchmarks.hand_written_jax import LATENT, Timer


def vae_loop(x: np.ndarray, *, hidden: int, batch_size: int, num_particles: int) -> Timer:
    """Steps of a VAE on images that are binarised in each of them."""
    width = x.shape[1]
    encoder = nn.Sequential(
        nn.Linear(width, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(),
        nn.Linear(hidden, 2 * LATENT),
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Linear(LATENT, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(),
        nn.Linear(hidden, width),
    )  # fmt: skip
    cross_entropy = nn.functional.binary_cross_entropy_with_logits

    def loss(grey: torch.Tensor) -> torch.Tensor:
        batch = torch.bernoulli(grey)
        mean, log_scale = encoder(batch).chunk(2, dim=-1)
        shape = mean.shape if num_particles == 1 else (num_particles, *mean.shape)
        noise = torch.randn(shape)
        z = mean + log_scale.exp() * noise
        logits = decoder(z)
        if num_particles == 1:
            kl = 0.5 * (mean**2 + (2 * log_scale).exp() - 1 - 2 * log_scale).sum()
            return kl + cross_entropy(logits, batch, reduction="sum")
        error = cross_entropy(logits, batch.expand(logits.shape), reduction="none").sum(-1)
        log_w = (0.5 * noise**2 + log_scale - 0.5 * z**2).sum(-1) - error
        return -(log_w.logsumexp(0) - math.log(num_particles)).sum()

    parameters = [*encoder.parameters(), *decoder.parameters()]
    return _loop(x, loss, parameters, batch_size)


class _Masked(nn.Conv2d):
    """A convolution that sees what comes before a pixel, and the pixel itself if it may."""

    def __init__(self, inputs: int, outputs: int, size: int, *, own: bool) -> None:
        super().__init__(inputs, outputs, size, padding=size // 2)
        mask = torch.ones_like(self.weight)
        mask[:, :, size // 2, size // 2 + own :] = 0
        mask[:, :, size // 2 + 1 :] = 0
        self.register_buffer("mask", mask)
        self.mask: torch.Tensor

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return self._conv_forward(input, self.weight * self.mask, self.bias)


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.narrow = nn.Conv2d(channels, half, 1)
        self.middle = _Masked(half, half, 3, own=True)
        self.wide = nn.Conv2d(half, channels, 1)

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        return h + self.wide(self.middle(self.narrow(h.relu()).relu_()).relu_())


def pixel_cnn_loop(x: np.ndarray, *, channels: int, blocks: int, batch_size: int) -> Timer:
    """Steps of a PixelCNN of residual blocks on square images of bits, channels last."""
    side = math.isqrt(x.shape[1])
    network = nn.Sequential(
        _Masked(1, channels, 7, own=False), *(_Block(channels) for _ in range(blocks)),
        nn.ReLU(), nn.Conv2d(channels, channels, 1), nn.ReLU(), nn.Conv2d(channels, 1, 1),
    ).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  # fmt: skip

    def loss(batch: torch.Tensor) -> torch.Tensor:
        images = batch.view(-1, 1, side, side)
        logits = network((2 * images - 1).contiguous(memory_format=torch.channels_last))
        return nn.functional.binary_cross_entropy_with_logits(logits, images, reduction="sum")

    return _loop(x, loss, list(network.parameters()), batch_size)


def _loop(
    x: np.ndarray,
    loss: Callable[[torch.Tensor], torch.Tensor],
    parameters: list[nn.Parameter],
    batch_size: int,
) -> Timer:
    """A loop with fused Adam; the timer gives the seconds of so many steps."""
    data, per_epoch = torch.tensor(x), len(x) // batch_size
    optimiser = torch.optim.Adam(parameters, 1e-3, fused=True)

    def timed(steps: int) -> float:
        begun, rows = time.perf_counter(), torch.arange(len(data))
        for number in range(steps):
            position = number % per_epoch
            if position == 0:
                rows = torch.randperm(len(data))
            batch = data[rows[position * batch_size : (position + 1) * batch_size]]
            value = loss(batch)
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
        return time.perf_counter() - begun

    return timed
