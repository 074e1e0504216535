"""Which rows a step takes, and with what noise, on NumPyro."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, random

from inference.program.trainer import Settings


@functools.partial(jax.jit, static_argnames=("lengths", "apart"))
def _order(key: Any, epoch: Any, *, lengths: tuple[int, ...], apart: bool) -> Any:
    """The order of the rows of arrays in an epoch; one for each array where they are apart.

    It is traced once for all runs on arrays of these lengths.
    """
    key = random.fold_in(key, epoch)
    if not apart:
        return random.permutation(key, lengths[0])
    orders = (
        random.permutation(random.fold_in(key, place), length)
        for place, length in enumerate(lengths)
    )
    return jnp.stack([jnp.resize(order, (lengths[0],)) for order in orders], axis=1)


class Minibatches:
    """Minibatches in an order that is a function of the seed and the epoch alone.

    All of it can be compiled.

    Args:
        settings: the run's settings.

    Attributes:
        keys: of the order and of the noise, which the compiled program is given, so that it is the
            same for all seeds.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.keys = random.split(random.PRNGKey(settings.seed ^ 0x5EED))

    def first_order(self, step: int) -> Any:
        """The order that is under way in a step; none where steps take all rows as they are."""
        if self.settings.full_batch:
            return np.zeros(0, dtype=np.int32)
        return self.order(self.keys, step // self.settings.steps_per_epoch)

    def order(self, keys: Any, epoch: Any) -> Any:
        """The order of the rows in an epoch, so that a resumed run sees the same minibatches."""
        lengths = tuple(map(len, self.settings.arrays))
        return _order(keys[0], epoch, lengths=lengths, apart=self.settings.apart)

    def of(
        self, step: Any, rows: Any, data: tuple[Any, ...], keys: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        """The order of the epoch that is under way in a step, and the step's rows of the data.

        Args:
            step: the step.
            rows: the order in the step before.
            data: the training arrays.
            keys: those that this object has, as arguments of the compiled program.
        """
        settings = self.settings
        if settings.full_batch:
            return rows, data
        size, per_epoch = settings.batch_size, settings.steps_per_epoch
        epoch, position = step // per_epoch, step % per_epoch
        rows = lax.cond(position == 0, lambda now: self.order(keys, now), lambda _: rows, epoch)
        chosen = lax.dynamic_slice_in_dim(rows, position * size, size)
        each = chosen.T if settings.apart else [chosen] * len(data)
        taken = zip(data, each, strict=True)
        return rows, tuple(jnp.take(array, own, axis=0) for array, own in taken)

    def binarised(self, batch: tuple[Any, ...], step: Any, keys: Any) -> tuple[Any, ...]:
        """A batch with probabilities drawn as pixels, where the run wants that."""
        if not self.settings.binarise:
            return batch
        key = random.fold_in(keys[1], step)
        each = (key, *(random.fold_in(key, position) for position in range(1, len(batch))))
        return tuple(
            (random.uniform(own, array.shape) < array).astype(array.dtype)
            if jnp.issubdtype(array.dtype, jnp.floating)
            else array
            for own, array in zip(each, batch, strict=True)
        )
