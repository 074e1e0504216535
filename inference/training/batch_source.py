"""Batches that the caller brings, as a source of steps."""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.data.call import batches_of
from inference.errors import DataError, warn_user
from inference.program.batches import Batch
from inference.program.random_streams import RandomStreams, keeps_hidden_state
from inference.program.trainer import Trainer
from inference.training.sources import Steps
from inference.training.state import State

_STATE = "batches"  # name of a source's state among a checkpoint's arrays


class BatchSource:
    """Batches of the caller's: a list, a data loader, any iterable.

    Args:
        batches: the iterable.
        pair: whose data they are.
        engine: the pair's.
        seed: of the random numbers that the iterable takes from the libraries' global state.
        kept: `state()` of the run to go on with, if there is one.
        repeatable: whether to say so if the run could not be resumed bit for bit.
    """

    def __init__(
        self,
        batches: Iterable[Any],
        pair: Any,
        engine: str | None = None,
        *,
        seed: int = 0,
        kept: Mapping[str, NDArray[Any]] | None = None,
        repeatable: bool = False,
    ) -> None:
        self.batches, self.repeatable = batches, repeatable
        self._last: Batch | None = None
        # A list has its order; everything else may draw it.
        self.streams = None if isinstance(batches, list) else RandomStreams(batches, seed)
        self._digest = 0  # of the batches of the epoch that is under way
        self._expected: int | None = None  # of those before a resumed run's first
        if self.streams is not None and kept:
            self._restore(kept)
        self._epoch_began = None if self.streams is None else self.streams.state()
        self.read = partial(batches_of, pair=pair, engine=engine)
        self.rows = 1
        self.steps_per_epoch: int | None = None
        self.check: Callable[[Batch], None] = lambda batch: None
        # What to say of latents of all data once a second batch comes.
        self.beside: Callable[[], str] | None = None
        self._opened: Iterator[Batch] | None = None
        self._under_way: Iterator[Batch] | None = None
        self._used_up = False
        self._refused: Exception | None = None  # what came in place of the next batch

    def first(self) -> Batch:
        """The first batch; of an iterator it is put back."""
        before = None if self.streams is None else self.streams.state()
        batches = self.read(self.batches)
        batch = self._next(batches)
        if batch is None:
            hint = " For a model without arguments, [()] is one." if self.batches == () else ""
            raise DataError(f"the iterable of batches is empty; it must yield at least one.{hint}")
        if isinstance(self.batches, Iterator):
            self._opened = _chain(batch, batches)
        elif self.streams is not None and before is not None:
            self.streams.restore(before)  # the first epoch begins with this batch
            if self.repeatable:
                self._say_what_cannot_be_repeated(batch)
                self.streams.restore(before)
        self.rows = batch.rows
        return batch

    def kinds(self) -> Iterator[Batch]:
        """A batch of each kind, as with labels and without, where all can be seen: a list's."""
        seen = set[Any]()
        for item in self.batches if isinstance(self.batches, list) else ():
            named = item if isinstance(item, dict) else {}
            parts = item if isinstance(item, (list, tuple)) else named.values()
            kind = tuple(map(str, named)), tuple(map(type, parts))
            if kind not in seen:
                seen.add(kind)
                yield from self.read([item])

    def _say_what_cannot_be_repeated(self, batch: Batch) -> None:
        """Warn where batches have a state that cannot be written down."""
        if getattr(self.batches, "persistent_workers", False):
            # They were started by the first batch, which drew a number more than ever after.
            assert self.streams is not None
            before = self.streams.state()
            batch = self._next(self.read(self.batches)) or batch
            self.streams.restore(before)
        again = self._next(self.read(self.batches))
        if again is not None and batch.digest() == again.digest():
            if not keeps_hidden_state(self.batches):
                return
            why = "its workers outlive an epoch and have random state of their own"
        else:
            why = "gone through twice from the same random state, it begins with other batches"
        warn_user(
            f"the {type(self.batches).__name__} of batches cannot be resumed bit for bit: {why}. "
            "Draw the order from a generator that is an attribute of it, or from the global "
            "random numbers of torch, numpy or Python (for a DataLoader: without "
            "persistent_workers)."
        )

    def state(self) -> dict[str, NDArray[Any]]:
        """Where the iterable's random numbers stood as the epoch began, and what came of them."""
        if self.streams is None:
            return {}
        under_way = self._under_way is not None
        began = self._epoch_began if under_way else self.streams.state()
        plain = {"began": began, "digest": self._digest if under_way else 0}
        return {_STATE: np.frombuffer(json.dumps(plain).encode(), dtype=np.uint8).copy()}

    def _restore(self, kept: Mapping[str, NDArray[Any]]) -> None:
        assert self.streams is not None
        if _STATE in kept:  # older checkpoints have none
            plain = json.loads(kept[_STATE].tobytes())
            self._expected = plain["digest"]
            self.streams.restore(plain["began"])

    repeats = False
    intact = True

    def suspects(self) -> list[Batch]:
        """The last batch."""
        return [] if self._last is None else [self._last]

    def _next(self, batches: Iterator[Batch]) -> Batch | None:
        with contextlib.nullcontext() if self.streams is None else self.streams.drawing():
            return next(batches, None)

    def advance(self, trainer: Trainer, state: State, count: int) -> Steps:
        """Take up to `count` steps, but not past the end of an epoch."""
        if self._refused is not None:
            raise self._refused
        losses: list[float] = []
        rows: list[int] = []
        if self._under_way is None:
            self._under_way = self._begin(state.position)
        while len(losses) < count:
            try:
                batch = self._next(self._under_way)
                if batch is not None:
                    self.check(batch)
                    self._note(batch)
                    self._say_what_counts_by_batch(state.position)
            except Exception as error:  # of the caller's own code, too
                if not losses:
                    raise
                self._refused = error  # after the losses before it have been accounted for
                break
            except BaseException:  # such as the end of the process, which cannot wait
                self.intact = not losses
                raise
            if batch is None:
                self._end(state)
                break
            self._last = batch
            self.intact = False
            loss = trainer.run_batch(batch, state.step)
            self.intact = True
            rows.append(batch.rows)
            # The whole that a subsample stands for is the same however many rows it has.
            losses.append(loss / (rows[-1] * trainer.data_scale(batch)))
            state.step += 1
            state.position += 1
            if not np.isfinite(losses[-1]):
                break
        return Steps(np.array(losses), np.array(rows, dtype=np.int64))

    def _say_what_counts_by_batch(self, position: int) -> None:
        """Warn, once, as soon as an epoch is seen to have more than one batch."""
        if position and self.beside is not None:
            said, self.beside = self.beside(), None
            if said:
                warn_user(said)

    def epochs(self, state: State) -> float:
        """Completed epochs."""
        return float(state.epoch)

    def _begin(self, position: int) -> Iterator[Batch]:
        if self._used_up:
            raise DataError(
                "the iterator of batches is used up after one epoch; pass something that can be "
                "gone through again, such as a list or a data loader, or set epochs=1."
            )
        if self.streams is not None and self._opened is None:
            self._epoch_began = self.streams.state()
        batches, self._opened = self._opened or self.read(self.batches), None
        self._digest = 0
        for number in range(position):  # a resumed run goes on where the epoch was left
            batch = self._next(batches)
            if batch is None:
                raise DataError(
                    f"the run stopped after {position} batches of an epoch, but the iterable has "
                    f"only {number}; pass the batches that the run began with."
                )
            self._note(batch)
        if position and self._expected is not None and self._digest != self._expected:
            raise DataError(
                f"the first {position} batches of the iterable are not those that the run began "
                "this epoch with, so that it cannot be resumed bit for bit. Pass the batches that "
                "the run began with, in an order that is drawn from a generator of theirs, or from "
                "the global random numbers of torch, numpy or Python."
            )
        self._expected = None
        return batches

    def _note(self, batch: Batch) -> None:
        if self.streams is not None and self.repeatable:
            for array in batch.arrays:
                self._digest = zlib.crc32(np.ascontiguousarray(array).tobytes(), self._digest)
            if not batch.form.plain:
                self._digest = zlib.crc32(batch.digest().encode(), self._digest)

    def _end(self, state: State) -> None:
        if state.position == 0:
            raise DataError(
                "the iterable of batches is empty when it is gone through again; pass something "
                "that can be, such as a list or a data loader, or set epochs=1."
            )
        state.epoch += 1
        state.position, self._under_way = 0, None
        self._used_up = isinstance(self.batches, Iterator)


def _chain(first: Batch, rest: Iterator[Batch]) -> Iterator[Batch]:
    yield first
    yield from rest
