"""`fit`: train a pair under an objective."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import Any

from inference.data.training_data import TrainingData, prepare
from inference.descriptions import describe_pair, plain
from inference.engines import engine_name, load_engine
from inference.errors import ArgumentError
from inference.objectives import Objective, parse_objective
from inference.program.program import is_owned
from inference.program.structure import Structure
from inference.program.trainer import Settings, Trainer
from inference.training.arguments import check_arguments, check_judge
from inference.training.checkpoints import Checkpoint
from inference.training.first_batch import begin
from inference.training.folder import RunFolder
from inference.training.loop import Loop
from inference.training.resumption import open_run
from inference.training.run import Run
from inference.training.signals import Stop, interruptible
from inference.training.spec import run_spec
from inference.training.state import Plan, State

_STEPS_BETWEEN_REPORTS = 100  # reports are at ends of epochs, and at least so many steps apart
_ROWS_PER_VALIDATION = 2000  # rows times particles to score at a time


def fit(
    pair: Any,
    data: Any,
    *,
    objective: Objective | str | Any = "elbo",
    epochs: int | None = None,
    steps: int | None = None,
    seconds: float | None = None,
    batch_size: int = 100,
    learning_rate: float | None = None,
    optimizer: Any = None,
    schedule: Any = None,
    clip_norm: float | None = None,
    valid: Any = None,
    valid_objective: Objective | str | None = None,
    patience: int | None = None,
    seed: int = 0,
    device: str | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    checkpoint_seconds: float = 10.0,
    progress: bool | str = "auto",
    engine: str | None = None,
) -> Run:
    """Fit a pair to data by stochastic variational inference.

    The pair that is passed in stays as it is; `run.pair` is the fitted one, and fitting that one
    goes on from its parameters. (Networks that bare Pyro functions close over are trained in
    place.) Losses and bounds are in nats per datum, or in `run.unit` under an objective that is no
    bound on a likelihood; the gradient is that of the loss summed over the minibatch, as in both
    libraries' own SVI.

    Args:
        pair: a pair, or a `(model, guide)` tuple of any Pyro or NumPyro program.
        data: a dataset from `ppl_models.datasets.load`, an array, a tuple of arguments that are
            passed to model and guide in that order, a dictionary of arguments that are passed by
            name, or an iterable of batches, each of which is one of these. Arguments are whatever
            the programs take: arrays that have a row for each datum, also within dictionaries,
            are cut into minibatches; numbers, None, strings and the like are passed on as they
            are. Batches are passed on whole; `()` is a batch without arguments, and `({...},)` one
            with a dictionary as its only argument.
        objective: an objective, its string form such as `"iwae:num_particles=5"`, or one of the
            engine's own loss objects.
        epochs: passes over the data. One of `epochs`, `steps` and `seconds` is needed; the first
            to be reached ends the run.
        steps: gradient steps.
        seconds: time budget of this call, compilation included.
        batch_size: rows of a minibatch; all rows where there are fewer. Minibatches are shuffled;
            all rows keep their order, as a guide with parameters for each row needs.
        learning_rate: step size; 1e-3 for the default Adam.
        optimizer: an optax transformation or constructor, or a `numpyro.optim` object; a
            torch.optim class, partial or instance, or a `pyro.optim` object.
        schedule: factor on the learning rate: `"cosine"`, a function of the step, or a
            torch.optim.lr_scheduler class or partial (Pyro).
        clip_norm: largest global norm of the minibatch's gradient.
        valid: validation data in place of the dataset's own. The bound is in nats per datum of
            theirs, however many they are; what a latent outside of the data's plate costs is
            shared by as many data as the plate says there are in all, or by the validation data
            where it says no more than the rows at hand (they are scored at once then).
        valid_objective: whose bound is reported on the validation data, in place of the
            objective's own: the same for several runs, it makes their curves comparable.
        patience: stop after this many reports without a better validation bound, and return the
            parameters that had the best. A report is made at the end of an epoch, but not more
            often than every 100 steps.
        seed: seed of initialisation, batch order, binarisation and draws.
        device: for example `"cpu"`, `"cuda"`; the engine's default without it.
        out: a run folder, to which checkpoints are written.
        resume: continue the run in `out`, bit for bit as if it had never stopped, or begin it if
            there is none. Batches that shuffle themselves (a DataLoader) do so by `seed`, or by
            generators of theirs, whose state is kept; where it cannot be, a warning says so. The
            arguments must be the same, except that the budget may grow.
        checkpoint_seconds: time between two checkpoints, which may fall within an epoch.
        progress: show progress; `"auto"` chooses a bar or plain lines.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.

    Returns:
        The run. After Ctrl-C it is the part that was done, with `status="interrupted"`. After
        SIGTERM and SIGHUP that part is saved, too, and the process then ends as it would have.

    Raises:
        ArgumentError: if an argument is out of range or could have no effect.
        DataError: if the pair cannot score the data.
        PairError: if model and guide do not fit together.
        ObjectiveError: if the objective is not valid for the pair.
        DivergenceError: if a loss is not finite; its `run` attribute holds the last good state.
        RunFolderError: if `out` cannot be written or resumed, or another process writes into it.
        Exception: whatever a step raises, such as a `MemoryError`; it has the last good state as
            its attribute `run`, too, and in `out` there is a checkpoint of it.
    """
    check_arguments(
        pair,
        objective,
        whole={"epochs": epochs, "steps": steps, "patience": patience, "batch_size": batch_size},
        positive={"seconds": seconds, "clip_norm": clip_norm, "learning_rate": learning_rate},
        seed=seed,
        device=device,
        checkpoint_seconds=checkpoint_seconds,
        progress=progress,
    )
    if resume and out is None:
        raise ArgumentError("resume=True needs out=, the folder of the run to continue.")
    if isinstance(objective, str):
        objective = parse_objective(objective)
    if isinstance(valid_objective, str):
        valid_objective = parse_objective(valid_objective)
    name = engine or engine_name(pair, data)
    prepared = prepare(pair, data, valid, engine=name)
    if patience is not None and not prepared.valid:
        raise ArgumentError("patience= needs validation data; pass valid=.")
    check_judge(valid_objective, objective, prepared)
    rows = len(prepared.arrays[0]) if prepared.arrays else None
    budget = {"epochs": plain(epochs), "steps": plain(steps), "seconds": plain(seconds)}
    settings = Settings(
        seed=int(seed),  # numpy's numbers cannot be written as JSON
        arrays=prepared.arrays,
        valid=prepared.valid,
        form=prepared.form,
        valid_form=prepared.valid_form,
        batch_size=plain(batch_size if rows is None else min(batch_size, rows)),
        binarise=prepared.binarise,
        optimiser=optimizer,
        learning_rate=plain(learning_rate),
        schedule=schedule,
        total_steps=_total_steps(rows, batch_size, budget["epochs"], budget["steps"]),
        clip_norm=plain(clip_norm),
        device=device,
        judge=valid_objective,
    )
    spec = run_spec(
        describe_pair(pair, name), objective, prepared, settings, plain(patience), budget
    )
    task = _Task(pair, name, objective, prepared, settings, spec, budget, plain(patience))
    with interruptible() as stop, open_run(out, spec, resume=resume) as (folder, checkpoint):
        return task.train(folder, checkpoint, stop, checkpoint_seconds, show=progress)


@dataclass(frozen=True)
class _Task:
    """What is to be trained, checked as far as it can be without a look at the pair."""

    pair: Any
    engine: str
    objective: Any
    prepared: TrainingData
    settings: Settings
    spec: dict[str, Any]
    budget: dict[str, Any]
    patience: int | None

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
        trainer = load_engine(self.engine).Trainer(self.pair, self.objective, self.settings)
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
                    good = loop.good.values if loop.good.best is None else loop.good.best
                    reached = State.from_dict(loop.good.progress)
                    with contextlib.suppress(Exception):  # what went wrong matters more
                        error.run = self._run(trainer, good, reached, folder, state.status)  # pyright: ignore[reportAttributeAccessIssue]
                raise
            best = None if state.best_at_end else loop.best
            values = trainer.values() if best is None else best
            return self._run(trainer, values, state, folder, state.status)

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
            report_every=_report_every(self.settings) if self.prepared.arrays else None,
            patience=self.patience,
            checkpoint_seconds=checkpoint_seconds,
            valid_rows=_valid_rows(structure, rows, particles, num_valid) if num_valid else 1,
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
        )


def _total_steps(
    rows: int | None, batch_size: int, epochs: int | None, steps: int | None
) -> int | None:
    if rows is None or epochs is None:
        return steps
    by_epochs = epochs * max(1, rows // min(batch_size, rows))
    return by_epochs if steps is None else min(steps, by_epochs)


def _report_every(settings: Settings) -> int:
    per_epoch = settings.steps_per_epoch
    return per_epoch * -(-_STEPS_BETWEEN_REPORTS // per_epoch)


def _valid_rows(structure: Structure, rows: int, particles: int, num_valid: int) -> int:
    """Validation rows to score at a time: all of them if the bound is no sum over rows."""
    at_once = max(1, _ROWS_PER_VALIDATION // particles)
    whole = structure.data_scale(rows) == 1.0 and not structure.is_sum_over(rows)
    return max(at_once, num_valid) if whole else at_once
