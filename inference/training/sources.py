"""Where minibatches come from, and arrays that the engine holds as one."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from inference.program.batches import Batch
from inference.program.trainer import Settings, Trainer
from inference.training.state import State

_SUSPECTS = 16  # batches that are looked at for what is not finite


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

    def first(self) -> Batch:
        """A batch to initialise from."""
        ...

    def advance(self, trainer: Trainer, state: State, count: int) -> Steps:
        """Take up to `count` steps and move the state on.

        There may be none, where an epoch turns out to have ended.
        """
        ...

    def epochs(self, state: State) -> float:
        """How many epochs have been done, with a fraction where it is known."""
        ...

    def state(self) -> dict[str, NDArray[Any]]:
        """What decides the batches to come, besides the trainer's state; part of a checkpoint."""
        ...

    @property
    def intact(self) -> bool:
        """Whether no step is under way, so that what is raised leaves a good state behind."""
        ...

    @property
    def repeats(self) -> bool:
        """Whether the trainer alone can take the same steps again."""
        ...

    def suspects(self) -> list[Batch]:
        """Batches that a step without a finite loss may have met."""
        ...


class ArraySource:
    """Minibatches of arrays that lie on the engine's device.

    An epoch is a random order of the rows cut into whole minibatches; the rows that are left over
    are others in each epoch.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings, self.rows = settings, settings.batch_size
        self.steps_per_epoch: int | None = settings.steps_per_epoch

    def first(self) -> Batch:
        """The first rows; of an array with rows of its own, which may be fewer, over and over."""
        rows = self.settings.arrays
        if self.settings.apart:
            each = (np.arange(self.rows) % len(array) for array in rows)
            return self.settings.called_with(
                tuple(array[order] for array, order in zip(rows, each, strict=True))
            )
        return self.settings.called_with(tuple(array[: self.rows] for array in rows))

    def advance(self, trainer: Trainer, state: State, count: int) -> Steps:
        """Take up to `count` steps."""
        assert self.steps_per_epoch is not None
        losses = trainer.run(state.step, state.step + count)
        state.step += len(losses)
        state.epoch = state.step // self.steps_per_epoch
        stands_for = self.rows * trainer.data_scale(self.first())
        return Steps(losses / stands_for, np.full(len(losses), self.rows))

    def epochs(self, state: State) -> float:
        """Steps over steps per epoch."""
        assert self.steps_per_epoch is not None
        return state.step / self.steps_per_epoch

    def state(self) -> dict[str, NDArray[Any]]:
        """Nothing: the order is a function of seed and epoch."""
        return {}

    repeats = True
    intact = False

    def suspects(self) -> list[Batch]:
        """The data, some batches of them."""
        arrays, rows = self.settings.arrays, self.rows
        firsts = range(0, len(arrays[0]), rows)[:_SUSPECTS]
        return [self.settings.called_with(tuple(a[i : i + rows] for a in arrays)) for i in firsts]
