"""The training loop: budgets, reports, early stopping, checkpoints; it knows no framework."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from inference.descriptions import raised
from inference.errors import DivergenceError, RunFolderError, warn_user
from inference.program.trainer import Trainer
from inference.training.checkpoints import Checkpoint
from inference.training.folder import RunFolder
from inference.training.progress import Progress
from inference.training.signals import Stop
from inference.training.sources import Source, Steps
from inference.training.state import EMPTY, Plan, State

_LONGEST_WINDOW = 1000  # steps between rows where the length of an epoch is not known
_SECONDS_PER_CHUNK = 0.25  # how long Ctrl-C and the progress bar may have to wait


class Loop:
    """Drives a trainer over a source until the plan's budget is spent."""

    def __init__(
        self, trainer: Trainer, source: Source, plan: Plan, folder: RunFolder | None, state: State
    ) -> None:
        self.trainer, self.source, self.plan = trainer, source, plan
        self.folder, self.state = folder, state
        self.best: dict[str, NDArray[Any]] | None = None
        self.good: Checkpoint | None = None
        self._finite: set[str] | None = None
        self._warned = False
        self._last_save = time.monotonic()

    def run(self, *, show: bool | str, stop: Stop) -> None:
        """Take steps until the budget is spent, patience runs out, or a signal asks to stop.

        Whatever ends it early, the last good state is in `good`, and in the folder if there is one
        and it can be written.

        Args:
            show: whether and how to show progress.
            stop: whether a signal has come.

        Raises:
            DataError: if the caller's batches end or cannot be used; the steps before are saved.
            DivergenceError: if a loss is not finite; the last good state has been saved.
        """
        if self.state.status == "stopped early":
            return
        try:
            self._steps(stop, show=show)
        except DivergenceError:
            raise
        except BaseException as error:
            self._keep(error)
            raise

    def _steps(self, stop: Stop, *, show: bool | str) -> None:
        state, plan = self.state, self.plan
        if len(state.window) == 2:
            total, count = state.window
            state.window = (total * self.source.rows, count * self.source.rows, int(count))
        begun, before = time.monotonic(), state.seconds
        pace = _Pace()
        bar = Progress(
            plan.steps, state.step, show=show, steps_per_epoch=self.source.steps_per_epoch
        )
        state.status, state.closing = "running", None
        self._remember()
        self._say("running")
        with bar:
            state.status = self._verdict(begun, stop)
            while state.status == "running":
                limit = min(self._next_report(), plan.steps or math.inf)
                count = int(min(limit - state.step, pace.chunk()))
                try:
                    taken = pace.time(lambda n=count: self.source.advance(self.trainer, state, n))
                except BaseException:
                    if self.source.intact:
                        self._remember()
                    raise
                state.seconds = before + time.monotonic() - begun
                if len(taken.losses):
                    self._account(taken)
                    bar.advance(state.step, float(taken.losses[-1]))
                reported = self._report_due()
                if reported:
                    self._report(bar)
                if state.status == "running":
                    state.status = self._verdict(begun, stop)
                if state.status == "running":
                    self._save_now_and_then(reported=reported)
            if state.window[-1]:
                state.closing = self._row(bar)
            self._save()
            self._say(state.status)

    def _verdict(self, begun: float, stop: Stop) -> str:
        """Whether the run goes on, and if not, why."""
        steps, epochs, seconds = self.plan.steps, self.plan.epochs, self.plan.seconds
        if steps is not None and self.state.step >= steps:
            return "finished"
        if epochs is not None and self.state.epoch >= epochs:
            return "finished"
        if stop.is_set():
            return "interrupted"
        return "time" if seconds is not None and time.monotonic() - begun >= seconds else "running"

    def _next_report(self) -> float:
        every, step = self.plan.report_every, self.state.step
        if every is None:
            return step + _LONGEST_WINDOW - self.state.window[-1]
        return (step // every + 1) * every

    def _report_due(self) -> bool:
        if self.state.window[-1] == 0:
            return False
        if self.plan.report_every is None:
            return self.state.position == 0 or self.state.window[-1] >= _LONGEST_WINDOW
        return self.state.step % self.plan.report_every == 0

    def _account(self, taken: Steps) -> None:
        """Add losses to the window; end the run if the last is not finite."""
        if not np.isfinite(taken.losses[-1]):
            symptom = self.trainer.symptom()
            self._diverge(f"the loss became {taken.losses[-1]}{symptom and f' ({symptom})'}")
        total, data, count = self.state.window
        # One by one: the sum must not depend on the chunks.
        for loss, rows in zip(taken.losses.tolist(), taken.rows.tolist(), strict=True):
            total += loss * rows
            data += rows
        self.state.window = (total, data, count + len(taken.losses))

    def _diverge(self, what: str) -> NoReturn:
        """Save the last good state and say where it is."""
        self.state.status = "diverged"
        last = "there is no earlier checkpoint"
        if self.good is not None:
            at = self.good.progress["step"]
            last = f"the state at step {at} is in the error's .run"
            if self._written(self.good) and self.folder is not None:
                last = f"the checkpoint of step {at} is kept in {self.folder.path}"
        self._say("diverged", what)
        raise DivergenceError(
            f"{what} at step {self.state.step}; {last}. Lower learning_rate=, set clip_norm=, or "
            "look for a scale or rate in the pair that can reach zero."
        )

    def _keep(self, error: BaseException) -> None:
        """Keep the last good state, and say in the error where it is."""
        state = self.state
        state.status = "failed" if isinstance(error, Exception) else "interrupted"
        if self.good is None:
            return
        kept = self._written(self.good)
        with contextlib.suppress(RunFolderError):
            self._say(state.status, raised(error))
        step = self.good.progress["step"]
        place = f", and its checkpoint in {self.folder.path}" if kept and self.folder else ""
        with contextlib.suppress(Exception):  # one of the user's may take none
            error.add_note(f"The state at step {step} is in this error's .run{place}.")

    def _row(self, bar: Progress) -> dict[str, float]:
        """A row of the history for the steps since the last; validates."""
        state, plan = self.state, self.plan
        total, data, _ = state.window
        row = {"step": state.step, "epoch": self.source.epochs(state), "loss": total / data}
        if plan.num_valid:
            row["valid_bound"] = self.trainer.evaluate(plan.valid_rows) / plan.num_valid
            bar.validated(row["valid_bound"])
        return row | {"seconds": state.seconds}

    def _report(self, bar: Progress) -> None:
        """Add a row to the history; count towards early stopping."""
        state, patience = self.state, self.plan.patience
        row = self._row(bar)
        state.window = EMPTY
        state.rows.append(row)
        if "valid_bound" in row and self._says_something(row["valid_bound"]):
            state.stale += 1
            if row["valid_bound"] > state.best:
                state.best, state.stale = row["valid_bound"], 0
                if patience is not None:
                    self.best = self.trainer.values()
            if patience is not None and state.stale >= patience:
                state.status = "stopped early"
        if state.status == "running":
            self._remember()

    def _says_something(self, bound: float) -> bool:
        """Whether a validation bound is finite; one that is not does not count for patience."""
        if np.isfinite(bound):
            return True
        if not self._warned:
            self._warned = True
            warn_user(
                f"the validation bound is {bound} at step {self.state.step}: some row has density "
                "zero, or none, under the pair. Such reports do not count for patience=."
            )
        return False

    def _remember(self) -> None:
        """Keep the present state in memory, to fall back on if the loss diverges."""
        values = self.trainer.values()
        finite = {name for name, array in values.items() if np.isfinite(array).all()}
        if self._finite is None:  # what is infinite from the start, such as a mask, is meant
            self._finite = finite
        elif self._finite - finite:
            self._diverge(f"{min(self._finite - finite)} became NaN or infinite")
        self.good = Checkpoint(
            state=self.trainer.state() | self.source.state(),
            values=values,
            progress=self.state.as_dict(),
            best=self.best,
        )

    def _save(self) -> None:
        """Write the present state down."""
        self._remember()
        if self.good is not None:
            self._write(self.good)

    def _save_now_and_then(self, *, reported: bool) -> None:
        """Write the present state down if the last time is long enough ago; best at reports."""
        if self.folder is None:
            return
        self.folder.lock.beat()
        pause = self.plan.checkpoint_seconds if reported else max(1.0, self.plan.checkpoint_seconds)
        if time.monotonic() - self._last_save >= pause:
            self._save()
            self._last_save = time.monotonic()

    def _write(self, checkpoint: Checkpoint) -> None:
        if self.folder is not None:
            self.folder.save(checkpoint)
            rows = State.from_dict(checkpoint.progress).history
            self.folder.write_history(history_csv(rows))

    def _written(self, checkpoint: Checkpoint) -> bool:
        """Write a state down where that can be done; the trouble at hand matters more."""
        try:
            self._write(checkpoint)
        except RunFolderError:
            return False
        return self.folder is not None

    def _say(self, status: str, message: str = "") -> None:
        """Say in the folder how the run stands."""
        if self.folder is not None:
            self.folder.write_status(status, self.state.step, message)


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

    def time(self, advance: Callable[[], Steps]) -> Steps:
        begun = time.monotonic()
        taken = advance()
        self.calls += 1
        self.rate = len(taken.losses) / max(time.monotonic() - begun, 1e-9)
        return taken
