"""One training, from a look at the pair to the run: what `fit` does when all is clear."""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import dataclass
from typing import Any

from inference.data.training_data import TrainingData
from inference.engines import load_engine
from inference.errors import DivergenceError
from inference.objectives import Objective
from inference.program.program import is_owned
from inference.program.structure import Structure
from inference.program.trainer import Settings, Trainer
from inference.training.checkpoints import Checkpoint
from inference.training.diagnosis import culprit
from inference.training.first_batch import begin, for_later_batches
from inference.training.folder import RunFolder
from inference.training.loop import Loop
from inference.training.run import Run
from inference.training.signals import Stop
from inference.training.sources import Source
from inference.training.state import Plan, State


@dataclass(frozen=True)
class Task:
    """What is to be trained, checked as far as it can be without a look at the pair."""

    pair: Any
    engine: str
    objective: Any
    prepared: TrainingData
    settings: Settings
    spec: dict[str, Any]
    budget: dict[str, Any]
    patience: int | None
    report_every: int | None
    rows_per_validation: int

    def train(
        self,
        folder: RunFolder | None,
        checkpoint: Checkpoint | None,
        stop: Stop,
        checkpoint_seconds: float,
        *,
        show: bool | str,
    ) -> Run:
        """Train until the budget is spent, from a checkpoint if there is one."""
        trained = for_later_batches(self.objective)  # the first is asked about in `begin`
        trainer = load_engine(self.engine).Trainer(self.pair, trained, self.settings)
        state = State() if checkpoint is None else State.from_dict(checkpoint.progress)
        with trainer.running():
            source, structure = begin(
                self.pair,
                self.engine,
                trainer,
                self.objective,
                self.prepared,
                self.settings,
                kept=None if checkpoint is None else checkpoint.state,
                repeatable=folder is not None,
            )
            if checkpoint is not None:
                own = source.state()
                trainer.restore({k: v for k, v in checkpoint.state.items() if k not in own})
            if folder is not None:
                folder.create(self.spec)  # nothing is written before everything has been checked
            plan = self._plan(structure, source.rows, checkpoint_seconds)
            loop = Loop(trainer, source, plan, folder, state)
            if checkpoint is not None:
                loop.best = checkpoint.best
            try:
                loop.run(show=show, stop=stop)
            except BaseException as error:
                if loop.good is not None:
                    if isinstance(error, DivergenceError):
                        self._explain(error, trainer, source, loop.good, state.step)
                    good = loop.good.values if loop.good.best is None else loop.good.best
                    reached = State.from_dict(loop.good.progress)
                    with contextlib.suppress(Exception):  # what went wrong matters more
                        error.run = self._run(trainer, good, reached, folder, state.status)  # pyright: ignore[reportAttributeAccessIssue]
                raise
            best = None if state.best_at_end else loop.best
            values = trainer.values() if best is None else best
            return self._run(trainer, values, state, folder, state.status)

    def _explain(
        self,
        error: DivergenceError,
        trainer: Trainer,
        source: Source,
        good: Checkpoint,
        step: int,
    ) -> None:
        """Add to an error where a number first stopped being finite, if that can be found."""
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if found := culprit(self.pair, self.engine, trainer, source, good, step):
                error.args = (f"{error} {found}",)

    def _plan(self, structure: Structure, rows: int, checkpoint_seconds: float) -> Plan:
        particles = getattr(self.objective, "num_particles", 1)
        judge = self.settings.judge or self.objective
        if isinstance(judge, Objective):
            particles = judge.draws_per_datum(structure)
        num_valid = len(self.prepared.valid[0]) if self.prepared.valid else 0
        return Plan(
            steps=self.settings.total_steps,
            epochs=self.budget["epochs"],
            seconds=self.budget["seconds"],
            report_every=self.report_every,
            patience=self.patience,
            checkpoint_seconds=checkpoint_seconds,
            valid_rows=self._valid_rows(structure, rows, particles, num_valid) if num_valid else 1,
            num_valid=num_valid,
        )

    def _run(
        self,
        trainer: Trainer,
        values: dict[str, Any],
        reached: State,
        folder: RunFolder | None,
        status: str,
    ) -> Run:
        fitted = trainer.fitted(values)
        return Run(
            pair=fitted,
            parameters=load_engine(self.engine).parameters(fitted),
            spec=self.spec,
            status=status,
            step=reached.step,
            folder=None if folder is None else folder.path,
            rows=reached.history,
            image_shape=self.prepared.image_shape,
            objective=self.objective,
            owned={name: array for name, array in values.items() if is_owned(name)},
            trained_on=self.prepared.arrays[0] if self.prepared.arrays else None,
        )

    def _valid_rows(self, structure: Structure, rows: int, particles: int, num_valid: int) -> int:
        """Validation rows to score at a time: all of them if the bound is no sum over rows."""
        at_once = max(1, self.rows_per_validation // particles)
        whole = structure.data_scale(rows) == 1.0 and not structure.is_sum_over(rows)
        return max(at_once, num_valid) if whole else at_once
