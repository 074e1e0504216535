"""What a training loop is told, and where it stands."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from inference.errors import RunFolderError

EMPTY = (0.0, 0, 0)  # a window without steps


@dataclass(frozen=True)
class Plan:
    """When to stop, report and save.

    Attributes:
        steps: the last step, or None.
        epochs: the last epoch, for batches whose number is not known beforehand, or None.
        seconds: a time budget for this call, or None.
        report_every: steps between rows of the history; None reports at the ends of epochs.
        patience: reports without a better validation bound before stopping, or None.
        checkpoint_seconds: time between two checkpoints.
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
        window: what the next row averages: the losses of the steps since the last one, each times
            the data in its batch, and summed; the number of these data; the number of steps. (An
            older checkpoint has the sum of the losses and the number of steps.)
        best: best validation bound, in nats per datum.
        stale: reports since then.
        status: why the run ended.
        closing: a row for the losses after the last report, made when the run ended between two;
            a run that is resumed takes it back, as if it had never stopped.
    """

    step: int = 0
    epoch: int = 0
    position: int = 0
    seconds: float = 0.0
    rows: list[dict[str, float]] = field(default_factory=list)
    window: tuple[float, ...] = EMPTY
    best: float = -math.inf
    stale: int = 0
    status: str = "running"
    closing: dict[str, float] | None = None

    @property
    def history(self) -> list[dict[str, float]]:
        """All rows, the closing one included."""
        return self.rows if self.closing is None else [*self.rows, self.closing]

    @property
    def best_at_end(self) -> bool:
        """Whether the last values have a better validation bound than those of any report."""
        return self.closing is not None and self.closing.get("valid_bound", -math.inf) > self.best

    def as_dict(self) -> dict[str, Any]:
        """The state in terms of JSON, with null for what is not finite."""
        plain = dataclasses.asdict(self)
        plain["best"] = self.best if math.isfinite(self.best) else None
        return plain

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> State:
        """The state from `as_dict`.

        Raises:
            RunFolderError: if an entry is missing, strange, or of another type.
        """
        try:
            best = -math.inf if plain["best"] is None else float(plain["best"])
            found = cls(**{**plain, "best": best, "window": tuple(plain["window"])})
            whole = (found.step, found.epoch, found.position, found.stale)
            rows = found.history
            right = all(type(n) is int and n >= 0 for n in whole) and isinstance(found.status, str)
            if not right or not all(isinstance(row, dict) for row in rows):
                raise TypeError("an entry is of another type than a run writes")
        except (KeyError, TypeError, ValueError) as error:
            raise RunFolderError(
                f"a checkpoint's progress.json is not what a run writes ({error}). Restore the "
                "folder from a copy."
            ) from error
        return found
