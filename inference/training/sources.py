"""Where minibatches come from: arrays that the engine holds, or batches that the caller brings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from inference.engines.training import Trainer
from inference.errors import DataError
from inference.training.data import Arrays, batches_of


class Steps(NamedTuple):
    """What some steps came to.

    Attributes:
        losses: of each step, in nats per datum of its batch, shape (steps,).
        rows: data in each step's batch, shape (steps,).
    """

    losses: NDArray[np.float64]
    rows: NDArray[np.int64]


class Source(Protocol):
    """Feeds a trainer and keeps count."""

    steps_per_epoch: int | None
    rows: int  # of a batch, as far as is known before it comes

    def first(self) -> Arrays:
        """A batch to initialise from."""
        ...

    def advance(self, trainer: Trainer, state: Any, count: int) -> Steps:
        """Take up to `count` steps and move the state on.

        There may be none, where an epoch turns out to have ended.
        """
        ...

    def epochs(self, state: Any) -> float:
        """How many epochs have been done, with a fraction where it is known."""
        ...


class ArraySource:
    """Minibatches of arrays that lie on the engine's device.

    An epoch is a random order of the rows cut into whole minibatches; the rows that are left over
    are others in each epoch.
    """

    def __init__(self, arrays: Arrays, batch_size: int, steps_per_epoch: int) -> None:
        self.arrays, self.rows = arrays, batch_size
        self.steps_per_epoch: int | None = steps_per_epoch

    def first(self) -> Arrays:
        """The first rows."""
        return tuple(array[: self.rows] for array in self.arrays)

    def advance(self, trainer: Trainer, state: Any, count: int) -> Steps:
        """Take up to `count` steps."""
        assert self.steps_per_epoch is not None
        losses = trainer.run(state.step, state.step + count)
        state.step += len(losses)
        state.epoch = state.step // self.steps_per_epoch
        stands_for = self.rows * trainer.data_scale(self.first())
        return Steps(losses / stands_for, np.full(len(losses), self.rows))

    def epochs(self, state: Any) -> float:
        """Steps over steps per epoch."""
        assert self.steps_per_epoch is not None
        return state.step / self.steps_per_epoch


class BatchSource:
    """Batches of the caller's: a list, a data loader, any iterable."""

    def __init__(self, batches: Iterable[Any], pair: Any, engine: str | None = None) -> None:
        self.batches = batches
        self.read = partial(batches_of, pair=pair, engine=engine)
        self.rows = 1
        self.steps_per_epoch: int | None = None
        self.check: Callable[[Arrays], None] = lambda batch: None
        self._opened: Iterator[Arrays] | None = None
        self._under_way: Iterator[Arrays] | None = None
        self._used_up = False
        self._refused: DataError | None = None

    def first(self) -> Arrays:
        """The first batch; of an iterator it is put back."""
        batches = self.read(self.batches)
        batch = next(batches, None)
        if batch is None:
            raise DataError("the iterable of batches is empty; it must yield at least one.")
        if isinstance(self.batches, Iterator):
            self._opened = _chain(batch, batches)
        self.rows = len(batch[0])
        return batch

    def advance(self, trainer: Trainer, state: Any, count: int) -> Steps:
        """Take up to `count` steps, but not past the end of an epoch."""
        if self._refused is not None:
            raise self._refused
        losses: list[float] = []
        rows: list[int] = []
        if self._under_way is None:
            self._under_way = self._begin(state.position)
        while len(losses) < count:
            try:
                batch = next(self._under_way, None)
                if batch is not None:
                    self.check(batch)
            except DataError as error:
                if not losses:
                    raise
                self._refused = error  # after the losses before it have been accounted for
                break
            if batch is None:
                self._end(state)
                break
            loss = trainer.run_batch(batch, state.step)
            rows.append(len(batch[0]))
            # The whole that a subsample stands for is the same however many rows it has.
            losses.append(loss / (rows[-1] * trainer.data_scale(batch)))
            state.step += 1
            state.position += 1
            if not np.isfinite(losses[-1]):
                break
        return Steps(np.array(losses), np.array(rows, dtype=np.int64))

    def epochs(self, state: Any) -> float:
        """Completed epochs."""
        return float(state.epoch)

    def _begin(self, position: int) -> Iterator[Arrays]:
        if self._used_up:
            raise DataError(
                "the iterator of batches is used up after one epoch; pass something that can be "
                "gone through again, such as a list or a data loader, or set epochs=1."
            )
        batches, self._opened = self._opened or self.read(self.batches), None
        for number in range(position):  # a resumed run goes on where the epoch was left
            if next(batches, None) is None:
                raise DataError(
                    f"the run stopped after {position} batches of an epoch, but the iterable has "
                    f"only {number}; pass the batches that the run began with."
                )
        return batches

    def _end(self, state: Any) -> None:
        if state.position == 0:
            raise DataError(
                "the iterable of batches is empty when it is gone through again; pass something "
                "that can be, such as a list or a data loader, or set epochs=1."
            )
        state.epoch += 1
        state.position, self._under_way = 0, None
        self._used_up = isinstance(self.batches, Iterator)


def _chain(first: Arrays, rest: Iterator[Arrays]) -> Iterator[Arrays]:
    yield first
    yield from rest
