"""What a torch expert would write without the zoo: one VAE, one loop."""

from __future__ import annotations

import math
import time

import numpy as np
import torch
from torch import nn

from benchmarks.hand_written_jax import LATENT, Timer


def torch_loop(x: np.ndarray, *, hidden: int, batch_size: int, num_particles: int) -> Timer:
    """A torch loop with fused Adam; the timer gives the seconds of so many steps."""
    data, per_epoch, width = torch.tensor(x), len(x) // batch_size, x.shape[1]
    encoder = nn.Sequential(
        nn.Linear(width, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(),
        nn.Linear(hidden, 2 * LATENT),
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Linear(LATENT, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(),
        nn.Linear(hidden, width),
    )  # fmt: skip
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 1e-3, fused=True)
    cross_entropy = nn.functional.binary_cross_entropy_with_logits

    def loss(batch: torch.Tensor) -> torch.Tensor:
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

    def timed(steps: int) -> float:
        begun, rows = time.perf_counter(), torch.arange(len(data))
        for number in range(steps):
            position = number % per_epoch
            if position == 0:
                rows = torch.randperm(len(data))
            batch = data[rows[position * batch_size : (position + 1) * batch_size]]
            value = loss(torch.bernoulli(batch))
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
        return time.perf_counter() - begun

    return timed
