"""The training loop: budgets, reports, early stopping, checkpoints; it knows no framework."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.engines.training import Trainer
from inference.errors import DivergenceError
from inference.training.folder import Checkpoint, RunFolder
from inference.training.progress import Progress
from inference.training.sources import Source

_LONGEST_WINDOW = 1000  # steps between rows where the length of an epoch is not known
_SECONDS_PER_CHUNK = 0.25  # how long Ctrl-C and the progress bar may have to wait


@dataclass(frozen=True)
class Plan:
    """When to stop, report and save.

    Attributes:
        steps: the last step, or None.
        epochs: the last epoch, for batches whose number is not known beforehand, or None.
        seconds: a time budget for this call, or None.
        report_every: steps between rows of the history; None reports at the ends of epochs.
        patience: reports without a better validation bound before stopping, or None.
        checkpoint_seconds: shortest time between two checkpoints.
        valid_rows: rows of the validation set to score at a time.
        num_valid: size of the validation set; 0 if there is none.
    """

    steps: int | None
    epochs: int | None
    seconds: float | None
    report_every: int | None
    patience: int | None
    checkpoint_seconds: float
    valid_rows: int
    num_valid: int


@dataclass
class State:
    """Where a run stands; part of every checkpoint.

    Attributes:
        step: steps taken.
        epoch: epochs completed.
        position: batches taken of the epoch that is under way, where batches are the caller's.
        seconds: time spent in the loop.
        rows: the history.
        window: sum of the losses since the last row, and their number.
        best: best validation bound, in nats per datum.
        stale: reports since then.
        status: why the run ended.
    """

    step: int = 0
    epoch: int = 0
    position: int = 0
    seconds: float = 0.0
    rows: list[dict[str, float]] = field(default_factory=list)
    window: tuple[float, int] = (0.0, 0)
    best: float = -math.inf
    stale: int = 0
    status: str = "running"

    def as_dict(self) -> dict[str, Any]:
        """The state in terms of JSON, with null for what is not finite."""
        plain = dataclasses.asdict(self)
        plain["best"] = self.best if math.isfinite(self.best) else None
        return plain

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> State:
        """The state from `as_dict`."""
        best = -math.inf if plain["best"] is None else plain["best"]
        return cls(**{**plain, "best": best, "window": tuple(plain["window"])})


class Loop:
    """Drives a trainer over a source until the plan's budget is spent."""

    def __init__(
        self, trainer: Trainer, source: Source, plan: Plan, folder: RunFolder | None, state: State
    ) -> None:
        self.trainer, self.source, self.plan = trainer, source, plan
        self.folder, self.state = folder, state
        self.best: dict[str, NDArray[Any]] | None = None
        self.good: Checkpoint | None = None
        self._last_save = time.monotonic()

    def run(self, *, show: bool | str) -> None:
        """Take steps until the budget is spent, patience runs out, or Ctrl-C is pressed.

        Raises:
            DivergenceError: if a loss is not finite; the last good state has been saved.
        """
        state, plan = self.state, self.plan
        begun, before = time.monotonic(), state.seconds
        pace = _Pace()
        bar = Progress(
            plan.steps, state.step, show=show, steps_per_epoch=self.source.steps_per_epoch
        )
        state.status = "running"
        self._remember()
        with _interruptible() as interrupted, bar:
            while not self._spent(begun):
                limit = min(self._next_report(), plan.steps or math.inf)
                count = int(min(limit - state.step, pace.chunk()))
                losses = pace.time(lambda n=count: self.source.advance(self.trainer, state, n))
                state.seconds = before + time.monotonic() - begun
                self._account(losses)
                bar.advance(state.step, float(losses[-1]))
                if self._report_due():
                    self._report(bar)
                if interrupted.is_set():
                    state.status = "interrupted"
                if state.status != "running":
                    break
            if state.status == "running":
                state.status = "time" if self._out_of_time(begun) else "finished"
            if state.window[1]:
                self._report(bar)
            self._save(force=True)

    def _spent(self, begun: float) -> bool:
        steps, epochs = self.plan.steps, self.plan.epochs
        return (
            (steps is not None and self.state.step >= steps)
            or (epochs is not None and self.state.epoch >= epochs)
            or self._out_of_time(begun)
        )

    def _out_of_time(self, begun: float) -> bool:
        return self.plan.seconds is not None and time.monotonic() - begun >= self.plan.seconds

    def _next_report(self) -> float:
        every = self.plan.report_every
        return math.inf if every is None else (self.state.step // every + 1) * every

    def _report_due(self) -> bool:
        if self.plan.report_every is None:
            return self.state.position == 0 or self.state.window[1] >= _LONGEST_WINDOW
        return self.state.step % self.plan.report_every == 0

    def _account(self, losses: NDArray[np.float64]) -> None:
        """Add losses to the window; end the run if the last is not finite."""
        if not np.isfinite(losses[-1]):
            step, self.state.status = self.state.step, "diverged"
            last = "there is no earlier checkpoint"
            if self.good is not None:
                at = self.good.progress["step"]
                last = f"the state at step {at} is in the error's .run"
                if self.folder is not None:
                    self.folder.save(self.good)
                    last = f"the checkpoint of step {at} is kept in {self.folder.path}"
            raise DivergenceError(
                f"the loss became {losses[-1]} at step {step}; {last}. Lower learning_rate=, set "
                "clip_norm=, or look for a scale or rate in the pair that can reach zero."
            )
        total, count = self.state.window
        self.state.window = (total + float(losses.sum()), count + len(losses))

    def _report(self, bar: Progress) -> None:
        """Add a row to the history, validate, and save."""
        state, plan = self.state, self.plan
        total, count = state.window
        state.window = (0.0, 0)
        row = {"step": state.step, "epoch": self.source.epochs(state), "loss": total / count}
        if plan.num_valid:
            bound = self.trainer.evaluate(plan.valid_rows) / plan.num_valid
            row["valid_bound"] = bound
            bar.validated(bound)
            state.stale += 1
            if bound > state.best:
                state.best, state.stale = bound, 0
                if plan.patience is not None:
                    self.best = self.trainer.values()
            if plan.patience is not None and state.stale >= plan.patience:
                state.status = "stopped early"
        row["seconds"] = state.seconds
        state.rows.append(row)
        self._save(force=False)

    def _remember(self) -> None:
        """Keep the present state in memory, to fall back on if the loss diverges."""
        self.good = Checkpoint(
            state=self.trainer.state(),
            values=self.trainer.values(),
            progress=self.state.as_dict(),
            best=self.best,
        )

    def _save(self, *, force: bool) -> None:
        """Remember the present state, and write it down unless that was done a moment ago."""
        self._remember()
        now = time.monotonic()
        recent = now - self._last_save < self.plan.checkpoint_seconds
        if self.folder is None or self.good is None or (recent and not force):
            return
        self.folder.save(self.good)
        self.folder.write_history(history_csv(self.state.rows))
        self._last_save = now


def history_csv(rows: list[dict[str, float]]) -> str:
    """The history as CSV text."""
    columns = list(rows[0]) if rows else ["step", "epoch", "loss", "seconds"]
    lines = [",".join(columns)]
    lines += [",".join(repr(row.get(column, "")) for column in columns) for row in rows]
    return "\n".join(lines) + "\n"


class _Pace:
    """Chooses how many steps to take at once from how long the last ones took."""

    def __init__(self) -> None:
        self.calls = 0
        self.rate = 0.0

    def chunk(self) -> int:
        if self.calls < 2:  # the first call compiles; the second tells the speed
            return 1 + 7 * self.calls
        return max(1, int(self.rate * _SECONDS_PER_CHUNK))

    def time(self, advance: Any) -> NDArray[np.float64]:
        begun = time.monotonic()
        losses = advance()
        self.calls += 1
        self.rate = len(losses) / max(time.monotonic() - begun, 1e-9)
        return losses


@contextlib.contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into an event that is looked at between chunks; the second raises."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    previous = signal.getsignal(signal.SIGINT)

    def note(*_: object) -> None:
        event.set()
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, note)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, previous)
