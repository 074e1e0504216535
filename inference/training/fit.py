"""`fit`: train a pair under an objective."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

from inference.data.arrays import array_id
from inference.data.support import check_support
from inference.data.training_data import TrainingData, prepare
from inference.descriptions import describe_pair, plain, versions
from inference.engines import engine_name, load_engine
from inference.errors import ArgumentError, DivergenceError, PairError, RunFolderError
from inference.objectives import Objective, describe_objective, parse_objective
from inference.pairs import explaining
from inference.program.batches import Batch
from inference.program.program import is_owned
from inference.program.structure import Structure
from inference.program.trainer import Settings, Trainer
from inference.training.arguments import check_arguments
from inference.training.folder import Checkpoint, RunFolder
from inference.training.global_latents import check_wholes, counted
from inference.training.loop import Loop, Plan, State
from inference.training.run import Run
from inference.training.sources import ArraySource, BatchSource
from inference.training.spec import difference, fingerprint

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
        checkpoint_seconds: shortest time between two checkpoints.
        progress: show progress; `"auto"` chooses a bar or plain lines.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.

    Returns:
        The run. After Ctrl-C it is the part that was done, with `status="interrupted"`.

    Raises:
        ArgumentError: if an argument is out of range or could have no effect.
        DataError: if the pair cannot score the data.
        PairError: if model and guide do not fit together.
        ObjectiveError: if the objective is not valid for the pair.
        DivergenceError: if a loss is not finite; its `run` attribute holds the last good state.
        RunFolderError: if `out` cannot be written or resumed.
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
    _check_judge(valid_objective, objective, prepared)
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
    spec = _spec(describe_pair(pair, name), objective, prepared, settings, plain(patience), budget)
    folder, checkpoint = _open(out, spec, resume=resume)
    trainer = load_engine(name).Trainer(pair, objective, settings)
    state = State() if checkpoint is None else State.from_dict(checkpoint.progress)

    def finish(values: dict[str, Any], reached: State, status: str) -> Run:
        fitted = trainer.fitted(values)
        return Run(
            pair=fitted,
            parameters=load_engine(name).parameters(fitted),
            spec=spec,
            status=status,
            step=reached.step,
            folder=None if folder is None else folder.path,
            rows=reached.history,
            image_shape=prepared.image_shape,
            objective=objective,
            owned={name: array for name, array in values.items() if is_owned(name)},
        )

    with trainer.running():
        source, structure = _begin(
            pair,
            name,
            trainer,
            objective,
            prepared,
            settings,
            kept=None if checkpoint is None else checkpoint.state,
            repeatable=out is not None,
        )
        particles = getattr(objective, "num_particles", 1)
        if isinstance(objective, Objective):
            particles = objective.draws_per_datum(structure)
        if valid_objective is not None:
            particles = valid_objective.draws_per_datum(structure)
        if checkpoint is not None:
            own = source.state()
            trainer.restore({k: v for k, v in checkpoint.state.items() if k not in own})
        if folder is not None:
            folder.create(spec)  # nothing is written before everything has been checked
        plan = Plan(
            steps=settings.total_steps,
            epochs=budget["epochs"],
            seconds=budget["seconds"],
            report_every=_report_every(settings) if prepared.arrays else None,
            patience=plain(patience),
            checkpoint_seconds=checkpoint_seconds,
            valid_rows=_valid_rows(structure, source.rows, particles, len(prepared.valid[0]))
            if prepared.valid
            else 1,
            num_valid=len(prepared.valid[0]) if prepared.valid else 0,
        )
        loop = Loop(trainer, source, plan, folder, state)
        if checkpoint is not None:
            loop.best = checkpoint.best
        try:
            loop.run(show=progress)
        except DivergenceError as error:
            if loop.good is not None:
                good = loop.good.values if loop.good.best is None else loop.good.best
                reached = State.from_dict(loop.good.progress)
                error.run = finish(good, reached, "diverged")
            raise
        best = None if state.best_at_end else loop.best
        return finish(trainer.values() if best is None else best, state, state.status)


def _spec(
    pair: dict[str, Any],
    objective: Any,
    prepared: TrainingData,
    settings: Settings,
    patience: int | None,
    budget: dict[str, Any],
) -> dict[str, Any]:
    """Everything that is needed to repeat the run, in terms of JSON."""
    return {
        "pair": pair,
        "objective": describe_objective(objective),
        "data": {
            "id": prepared.identity,
            "valid": array_id(prepared.valid) if prepared.valid else None,
            "image_shape": plain(prepared.image_shape),
        },
        "training": {
            "batch_size": settings.batch_size,
            "learning_rate": settings.learning_rate,
            "optimizer": fingerprint(settings.optimiser),
            "schedule": fingerprint(settings.schedule),
            "clip_norm": settings.clip_norm,
            "patience": patience,
            **_judged(settings.judge),
            "seed": settings.seed,
            "device": settings.device,
        },
        "budget": budget,
        "versions": versions(),
    }


def _judged(judge: Objective | None) -> dict[str, str]:
    """The spec's word for who judges; none where the objective does, as in older specs."""
    return {} if judge is None else {"valid_objective": describe_objective(judge)}


def _check_judge(judge: Any, objective: Any, prepared: TrainingData) -> None:
    """Refuse a judge that has nothing to judge.

    Raises:
        ArgumentError: naming what is missing.
    """
    if judge is None:
        return
    if not isinstance(judge, Objective) or judge.owns or judge.unit != Objective.unit:
        raise ArgumentError(
            "valid_objective must be a bound on the likelihood without parameters of its own, such "
            f"as ELBO() or VIMCO(num_particles=16), or its string form; got {judge!r}."
        )
    if not prepared.valid:
        raise ArgumentError("valid_objective= needs validation data; pass valid=.")
    unit = getattr(objective, "unit", Objective.unit)
    if unit != Objective.unit:
        raise ArgumentError(
            f"{objective!r} is no bound on the likelihood (its unit is {unit}), so that no bound "
            "belongs beside it; leave valid_objective= out."
        )


def _begin(
    pair: Any,
    engine: str,
    trainer: Trainer,
    objective: Any,
    prepared: TrainingData,
    settings: Settings,
    *,
    kept: Mapping[str, Any] | None,
    repeatable: bool,
) -> tuple[ArraySource | BatchSource, Structure]:
    """Check pair, data and objective against each other on a first batch; initialise from it."""
    source: ArraySource | BatchSource
    if prepared.batches is None:
        source = ArraySource(settings)
    else:
        source = BatchSource(
            prepared.batches, pair, engine, seed=settings.seed, kept=kept, repeatable=repeatable
        )
    first = source.first()
    structure = explaining(trainer.inspect, first)
    _require(objective, structure)
    if settings.judge is not None:
        settings.judge.require(structure)
    if isinstance(source, BatchSource):
        source.beside = partial(counted, structure, pair, first, engine)
    else:
        check_wholes(structure, pair, first, engine, len(settings.arrays[0]), objective)
    checked = settings.arrays or first.arrays
    check_support(structure, checked, "the data", binarise=settings.binarise, strict=False)
    if settings.valid:
        check_support(structure, settings.valid, "the validation data", strict=False)
    if isinstance(source, BatchSource):
        looks = {_kind(first): structure}
        source.check = partial(_check_batch, trainer, objective, looks)
    trainer.start(first)
    return source, structure


def _require(objective: Any, structure: Structure) -> None:
    """Check that a loss is valid for the sites and plates."""
    if isinstance(objective, Objective):
        objective.require(structure)
        return
    sums = any(base.__name__ == "TraceEnum_ELBO" for base in type(objective).__mro__)
    try:
        structure.check_match(summed=structure.marked_for_enumeration if sums else ())
    except PairError as error:
        warnings.warn(f"{type(objective).__name__} trains on, but {error}", stacklevel=4)


def _kind(batch: Batch) -> Any:
    """What batches have in common whose arrays stand in the same places."""
    return len(batch.arrays) if batch.form.plain else batch.form.lifted(len(batch.arrays))[0]


def _check_batch(
    trainer: Trainer, objective: Any, looks: dict[Any, Structure], batch: Batch
) -> None:
    """Check that the sites of a batch can score it; batches of another kind are looked at."""
    kind = _kind(batch)
    if kind not in looks:
        looks[kind] = explaining(trainer.inspect, batch)
        _require(objective, looks[kind])
    check_support(looks[kind], batch.arrays, "a batch", binarise=True)


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


def _open(
    out: str | os.PathLike[str] | None, spec: dict[str, Any], *, resume: bool
) -> tuple[RunFolder | None, Checkpoint | None]:
    """The run folder, checked against the spec, and the checkpoint to go on from."""
    if out is None:
        return None, None
    folder = RunFolder(out)
    if not folder.holds_run():
        return folder, None
    if not resume:
        raise RunFolderError(
            f"out={str(out)!r} already holds a run; pass resume=True to continue it, or choose "
            "another folder."
        )
    old = folder.read_spec()
    _check_same(old, spec, str(out))
    return folder, folder.load()


def _check_same(old: Mapping[str, Any], new: Mapping[str, Any], out: str) -> None:
    """Refuse to resume another run; a larger budget is the same run if no schedule reads it."""
    fixed = ("pair", "objective", "data", "training")
    changed = difference({k: old.get(k) for k in fixed}, {k: new[k] for k in fixed})
    if new["training"]["schedule"] == "cosine":
        # The schedule's length is part of what the run is.
        before, now = ({k: s["budget"].get(k) for k in ("epochs", "steps")} for s in (old, new))
        changed = changed or difference(before, now, "budget.")
    if changed:
        raise RunFolderError(
            f"out={out!r} holds a different run: {changed}. Resume with the arguments in its "
            "spec.json, or choose another folder."
        )
