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
        self._order: tuple[int, list[torch.Tensor]] | None = None

    def of(self, step: int) -> tuple[Any, ...]:
        """The rows of a step."""
        settings = self.settings
        if settings.full_batch:
            # New tensors of the same numbers: transforms know by identity what they saw before.
            return self.binarised(tuple(alias(array) for array in self.data))
        epoch, position = divmod(step, settings.steps_per_epoch)
        if self._order is None or self._order[0] != epoch:
            # A function of (seed, epoch) alone, so that a resumed run sees the same order.
            self._order = (epoch, self._orders(epoch))
        first = position * settings.batch_size
        orders = self._order[1]
        orders = orders if settings.apart else orders * len(self.data)
        return self.binarised(
            tuple(
                array[rows[first : first + settings.batch_size]]
                for array, rows in zip(self.data, orders, strict=True)
            )
        )

    def _orders(self, epoch: int) -> list[torch.Tensor]:
        """The order of the rows in an epoch; of each array where they are apart."""
        orders = []
        for place, array in enumerate(self.data if self.settings.apart else self.data[:1]):
            random = np.random.default_rng([self.settings.seed, epoch, *([place] if place else [])])
            rows = np.resize(random.permutation(len(array)), len(self.data[0]))
            orders.append(torch.from_numpy(rows).to(self.device))
        return orders

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
