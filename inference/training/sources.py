"""Where minibatches come from: arrays that the engine holds, or batches that the caller brings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inference.engines.training import Trainer
from inference.errors import DataError
from inference.training.data import Arrays, batches_of


class Source(Protocol):
    """Feeds a trainer and keeps count."""

    steps_per_epoch: int | None

    def first(self) -> Arrays:
        """A batch to initialise from."""
        ...

    def advance(self, trainer: Trainer, state: Any, count: int) -> NDArray[np.float64]:
        """Take up to `count` steps and move the state on; the losses in nats per datum."""
        ...

    def epochs(self, state: Any) -> float:
        """How many epochs have been done, with a fraction where it is known."""
        ...


class ArraySource:
    """Minibatches of arrays that lie on the engine's device.

    An epoch is a random order of the rows cut into whole minibatches; the rows that are left over
    are others in each epoch.
    """

    def __init__(self, arrays: Arrays, batch_size: int, steps_per_epoch: int, scale: float) -> None:
        self.arrays, self.batch_size = arrays, batch_size
        self.steps_per_epoch: int | None = steps_per_epoch
        self.data_per_step = batch_size * scale

    def first(self) -> Arrays:
        """The first rows."""
        return tuple(array[: self.batch_size] for array in self.arrays)

    def advance(self, trainer: Trainer, state: Any, count: int) -> NDArray[np.float64]:
        """Take up to `count` steps."""
        assert self.steps_per_epoch is not None
        losses = trainer.run(state.step, state.step + count)
        state.step += len(losses)
        state.epoch = state.step // self.steps_per_epoch
        return losses / self.data_per_step

    def epochs(self, state: Any) -> float:
        """Steps over steps per epoch."""
        assert self.steps_per_epoch is not None
        return state.step / self.steps_per_epoch


class BatchSource:
    """Batches of the caller's: a list, a data loader, any iterable that can be gone through again."""

    def __init__(self, batches: Iterable[Any], pair: Any) -> None:
        self.batches, self.pair = batches, pair
        self.scale = 1.0
        self.steps_per_epoch: int | None = None
        self._under_way: Iterator[Arrays] | None = None
        self._used_up = False

    def first(self) -> Arrays:
        """The first batch; of an iterator it is put back."""
        if iter(self.batches) is self.batches:
            self._under_way = batches_of(self.batches, self.pair)
            batch = self._next_of(self._under_way)
            self._under_way = _chain(batch, self._under_way)
            return batch
        return self._next_of(batches_of(self.batches, self.pair))

    def advance(self, trainer: Trainer, state: Any, count: int) -> NDArray[np.float64]:
        """Take up to `count` steps, but not past the end of an epoch."""
        losses: list[float] = []
        if self._under_way is None:
            self._under_way = self._begin(state.position)
        for batch in self._under_way:
            loss = trainer.run_batch(batch, state.step)
            losses.append(loss / (len(batch[0]) * self.scale))
            state.step += 1
            state.position += 1
            if len(losses) == count or not np.isfinite(losses[-1]):
                return np.array(losses)
        state.epoch += 1
        state.position, self._under_way = 0, None
        self._used_up = iter(self.batches) is self.batches
        return np.array(losses) if losses else self.advance(trainer, state, count)

    def epochs(self, state: Any) -> float:
        """Completed epochs."""
        return float(state.epoch)

    def _begin(self, position: int) -> Iterator[Arrays]:
        if self._used_up:
            raise DataError(
                "the iterator of batches is used up after one epoch; pass something that can be "
                "gone through again, such as a list or a data loader, or set epochs=1."
            )
        batches = batches_of(self.batches, self.pair)
        for _ in range(position):  # a resumed run goes on where the epoch was left
            self._next_of(batches)
        return batches

    def _next_of(self, batches: Iterator[Arrays]) -> Arrays:
        try:
            return next(batches)
        except StopIteration:
            raise DataError("the iterable of batches is empty; it must yield at least one.") from None


def _chain(first: Arrays, rest: Iterator[Arrays]) -> Iterator[Arrays]:
    yield first
    yield from rest
