"""Which rows a step takes, and with what noise, on NumPyro."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax, random

from inference.program.trainer import Settings


class Minibatches:
    """Minibatches in an order that is a function of the seed and the epoch alone.

    All of it can be compiled.

    Args:
        settings: the run's settings.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._order_key, self._noise_key = random.split(random.PRNGKey(settings.seed ^ 0x5EED))
        self.first_order = jax.jit(self.order)

    def order(self, epoch: Any) -> Any:
        """The order of the rows in an epoch, so that a resumed run sees the same minibatches."""
        key = random.fold_in(self._order_key, epoch)
        arrays = self.settings.arrays
        if not self.settings.apart:
            return random.permutation(key, len(arrays[0]))
        orders = (
            random.permutation(random.fold_in(key, place), len(array))
            for place, array in enumerate(arrays)
        )
        return jnp.stack([jnp.resize(order, (len(arrays[0]),)) for order in orders], axis=1)

    def of(self, step: Any, rows: Any, data: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
        """The order of the epoch that is under way in a step, and the step's rows of the data.

        Args:
            step: the step.
            rows: the order in the step before.
            data: the training arrays.
        """
        settings = self.settings
        if settings.full_batch:
            return rows, data
        size, per_epoch = settings.batch_size, settings.steps_per_epoch
        epoch, position = step // per_epoch, step % per_epoch
        rows = lax.cond(position == 0, self.order, lambda _: rows, epoch)
        chosen = lax.dynamic_slice_in_dim(rows, position * size, size)
        each = chosen.T if settings.apart else [chosen] * len(data)
        taken = zip(data, each, strict=True)
        return rows, tuple(jnp.take(array, own, axis=0) for array, own in taken)

    def binarised(self, batch: tuple[Any, ...], step: Any) -> tuple[Any, ...]:
        """A batch with probabilities drawn as pixels, where the run wants that."""
        if not self.settings.binarise:
            return batch
        key = random.fold_in(self._noise_key, step)
        keys = (key, *(random.fold_in(key, position) for position in range(1, len(batch))))
        return tuple(
            (random.uniform(own, array.shape) < array).astype(array.dtype)
            if jnp.issubdtype(array.dtype, jnp.floating)
            else array
            for own, array in zip(keys, batch, strict=True)
        )
