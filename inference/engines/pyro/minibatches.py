"""The training arrays on the device, and which rows a step takes, on Pyro."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from inference.program.trainer import Settings


class Minibatches:
    """Minibatches in an order that is a function of the seed and the epoch alone.

    Args:
        settings: the run's settings.
        data: the training arrays, on the device.
        device: the device.

    Attributes:
        noise: what binarised pixels are drawn with.
    """

    def __init__(
        self, settings: Settings, data: tuple[torch.Tensor, ...], device: torch.device
    ) -> None:
        self.settings, self.data, self.device = settings, data, device
        self.noise = torch.Generator(device).manual_seed(settings.seed)
        self._order: tuple[int, torch.Tensor] | None = None

    def of(self, step: int) -> tuple[Any, ...]:
        """The rows of a step."""
        settings = self.settings
        if settings.full_batch:
            # New tensors of the same numbers: transforms know by identity what they saw before.
            return self.binarised(tuple(alias(array) for array in self.data))
        epoch, position = divmod(step, settings.steps_per_epoch)
        if self._order is None or self._order[0] != epoch:
            # A function of (seed, epoch) alone, so that a resumed run sees the same order.
            random = np.random.default_rng([settings.seed, epoch])
            rows = torch.from_numpy(random.permutation(len(self.data[0]))).to(self.device)
            self._order = (epoch, rows)
        first = position * settings.batch_size
        rows = self._order[1][first : first + settings.batch_size]
        return self.binarised(tuple(array[rows] for array in self.data))

    def binarised(self, batch: tuple[Any, ...]) -> tuple[Any, ...]:
        """A batch with probabilities drawn as pixels, where the run wants that."""
        if not self.settings.binarise:
            return batch
        return tuple(
            torch.bernoulli(array, generator=self.noise) if array.is_floating_point() else array
            for array in batch
        )


def alias(array: Any) -> Any:
    """A new tensor of the same numbers."""
    return array.view_as(array) if isinstance(array, torch.Tensor) else array
