"""`fit`: train a pair under an objective."""

from __future__ import annotations

import os
from typing import Any

from inference.arguments import check_flag, check_path
from inference.data.training_data import prepare
from inference.descriptions import describe_pair, plain
from inference.engines import check_engine, engine_name
from inference.errors import ArgumentError
from inference.objectives import Objective, parse_objective
from inference.program.trainer import Settings
from inference.training.arguments import check_arguments, check_judge
from inference.training.resumption import open_run
from inference.training.run import Run
from inference.training.signals import interruptible, raising_as_it_is
from inference.training.spec import run_spec
from inference.training.task import Task

_ROWS_PER_VALIDATION = 2000  # rows times particles to score at a time
_STEPS_BETWEEN_REPORTS = 100  # reports are at ends of epochs, and at least so many steps apart


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
    average_decay: float | None = None,
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
            are. A dictionary without a name of the model's arguments is its only argument, as
            `({...},)` is in any case. Batches are passed on whole; `()` is one without arguments.
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
            torch.optim class, partial or instance, or a `pyro.optim` object; or the name of an
            optax constructor or torch.optim class with settings, such as `"adam:b1=0.5"`.
        schedule: factor on the learning rate: `"cosine"`, a function of the step, or a
            torch.optim.lr_scheduler class or partial (Pyro).
        clip_norm: largest global norm of the minibatch's gradient.
        average_decay: d of running averages of the pair's parameters, such as 0.999: at step t the
            mean of those after each step s, weighed by d^(t - s), unconstrained, and likewise of
            the statistics of batch normalisation. They are what validation and patience judge, and
            what `run.pair`, `run.parameters` and `run.params` hold; losses are of the last values,
            from which steps, of a resumed run too, go on. What the objective owns, such as a
            critic, is not averaged, and where sides take turns the pair's steps alone count. 0 is
            the last values, 1 the plain mean (Polyak & Juditsky 1992; of generators, Karras et al.
            2018, arXiv:1710.10196). None keeps none.
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
        average_decay=average_decay,
        checkpoint_seconds=checkpoint_seconds,
        progress=progress,
    )
    if out is not None:
        check_path("out", out)
    if check_flag("resume", resume) and out is None:
        raise ArgumentError("resume=True needs out=, the folder of the run to continue.")
    if isinstance(objective, str):
        objective = parse_objective(objective)
    if isinstance(valid_objective, str):
        valid_objective = parse_objective(valid_objective)
    name = engine_name(pair, data) if engine is None else check_engine(engine)
    prepared = prepare(pair, data, valid, engine=name, objective=objective)
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
        batch_size=plain(batch_size) if rows is None else min(plain(batch_size), rows),
        binarise=prepared.binarise,
        optimiser=optimizer,
        learning_rate=plain(learning_rate),
        schedule=schedule,
        total_steps=_total_steps(rows, plain(batch_size), budget["epochs"], budget["steps"]),
        clip_norm=plain(clip_norm),
        device=device,
        judge=valid_objective,
        average_decay=plain(average_decay),
        apart=prepared.apart,
    )
    spec = run_spec(
        describe_pair(pair, name), objective, prepared, settings, plain(patience), budget
    )
    asked = budget, plain(patience), _report_every(settings), _ROWS_PER_VALIDATION
    task = Task(pair, name, objective, prepared, settings, spec, *asked)
    with raising_as_it_is(), interruptible() as stop, open_run(out, spec, resume=resume) as kept:
        return task.train(*kept, stop, checkpoint_seconds, show=progress)


def _total_steps(
    rows: int | None, batch_size: int, epochs: int | None, steps: int | None
) -> int | None:
    if rows is None or epochs is None:
        return steps
    by_epochs = epochs * max(1, rows // min(batch_size, rows))
    return by_epochs if steps is None else min(steps, by_epochs)


def _report_every(settings: Settings) -> int | None:
    if not settings.arrays:
        return None
    per_epoch = settings.steps_per_epoch
    return per_epoch * -(-_STEPS_BETWEEN_REPORTS // per_epoch)
