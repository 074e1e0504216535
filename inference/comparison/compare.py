"""`compare`: pairs under objectives, on equal terms."""

from __future__ import annotations

import contextlib
import numbers
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from inference.arguments import (
    check_count,
    check_flag,
    check_one_of,
    check_path,
    check_positive,
    check_seed,
    listed,
)
from inference.comparison.cells import Cell, Result, complete, finished, folder_name, lost
from inference.comparison.comparison import Comparison
from inference.comparison.evaluation_rows import scored_id, scored_rows
from inference.comparison.execution import EXECUTORS, run_all
from inference.comparison.metric import Metric
from inference.comparison.metrics import chosen
from inference.data.arrays import array_id, as_arrays
from inference.descriptions import shown
from inference.errors import ArgumentError
from inference.objectives import Objective, parse_objective
from inference.posterior.sampler import Sampler
from inference.training.lock import FolderLock
from inference.training.progress import counting
from inference.training.writing import writing_into

BUDGETS = ("steps", "epochs", "seconds")
_OWN = ("objective", "seed", "out", "resume", "progress", "valid_objective", *BUDGETS)


def compare(
    pairs: Mapping[str, Any],
    objectives: Mapping[str, Any],
    data: Any,
    *,
    seeds: int | Iterable[int] = (0,),
    budget: Mapping[str, Any],
    metrics: Mapping[str, Any] | Iterable[Any] = ("bound", "log_likelihood", "seconds"),
    test: Any = None,
    rows: int | None = None,
    rows_seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    workers: int = 1,
    executor: str = "processes",
    progress: bool = True,
    **settings: Any,
) -> Comparison:
    """Train every pair under every objective from every seed, and ask the same of all.

    Each run has its own folder in `out`. A comparison that was stopped, at any moment and by
    anything, goes on when it is called again with the same arguments: what is finished is read,
    what was begun is resumed at its last checkpoint. What fails is a row that says why; the others
    go on. Steps are gradient steps of any kind: a step of a critic counts as one of the generator.

    Learning curves are comparable, because the bound on validation data is the same for all: the
    importance-weighted bound of 16 draws, or the ELBO where a latent is not per datum.

    Args:
        pairs: label to pair. The zoo's are built anew with `seed=` of each run; so is whatever a
            function of the seed returns, such as `lambda seed: create("vae", seed=seed)`. Other
            pairs and `(model, guide)` tuples are taken as they are: with Pyro functions whose
            networks lie outside of them, pass such a function, or runs will share the networks.
        objectives: label to objective, string form, or a tuple of one and keywords of `fit` of its
            own, such as `(IWAE(5), {"learning_rate": 3e-3})`. Both engines may mix. `NUTS()` is
            one, too, for NumPyro models without data drawn afresh, and `Gibbs()` for either
            engine's: its chains, those of the first seed, are what the metric `"posterior_error"`
            compares the other runs of the pair with. It has no budget but its own.
        data: a dataset, an array, or a tuple of arrays, as in `fit`.
        seeds: of initial weights, order of the data and draws; a number n means 0 to n - 1.
        budget: one of `{"steps": n}`, `{"epochs": n}` and `{"seconds": s}`, the same for all.
        metrics: names with settings, such as `"log_likelihood:num_particles=5000"`, or a mapping
            from a label to a name, a `Metric`, or a function of run and rows.
        test: the rows to score, in place of the dataset's own.
        rows: score so many of these, drawn by `rows_seed`; None for all. See `drawn_rows`.
        rows_seed: of that draw.
        out: the folder. Without it runs are kept in a temporary folder, as long as the comparison.
        workers: runs at a time.
        executor: `"processes"` of this machine, or `"ray"`: the cluster that `ray.init` has
            connected to, which has to share the folder, or else one on this machine.
        progress: whether to show a bar.
        **settings: keywords of `fit` for all runs, such as `batch_size=` and `learning_rate=`.

    Returns:
        The comparison: a table, plots, and a report.

    Raises:
        ArgumentError: if an argument is out of range.
        DataError: if there are no rows to score.
        RunFolderError: if `out` holds another comparison's runs, cannot be written, or another
            process compares in it.
    """
    learning = _learning(objectives)
    wanted = chosen(metrics)
    check_flag("progress", progress)
    _check(pairs, budget, workers, executor, settings, learning)
    chosen_seeds = _seeds(seeds)
    which = (data, test, rows, rows_seed)
    x = scored_rows(*which)
    identity = f"{_identity(data)}, scored on {scored_id(*which)}"
    folder = Path(tempfile.mkdtemp(prefix="compare-")) if out is None else check_path("out", out)
    first_chains = next((k for k, (each, _) in learning.items() if isinstance(each, Sampler)), None)

    def chains(pair: str) -> Path | None:
        """Those that a run's posterior is compared with: the first seed's."""
        if first_chains is None:
            return None
        return folder / "runs" / folder_name(pair, first_chains, chosen_seeds[0])

    cells = [
        Cell(
            pair=pair,
            objective=label,
            seed=seed,
            untrained=untrained,
            learning=objective,
            settings={**settings, **own},
            budget=dict(budget),
            data_id=identity,
            run_folder=folder / "runs" / folder_name(pair, label, seed),
            result_path=folder / "results" / f"{folder_name(pair, label, seed)}.json",
            chains=None if isinstance(objective, Sampler) else chains(pair),
        )
        for pair, untrained in zip(map(str, pairs), pairs.values(), strict=True)
        for label, (objective, own) in learning.items()
        for seed in chosen_seeds
    ]
    with _alone(folder):
        results = _run(cells, data, x, wanted, workers, executor, show=progress)
    comparison = Comparison(tuple(cells), tuple(results), wanted, data, x)
    if out is None:
        weakref.finalize(comparison, shutil.rmtree, folder, ignore_errors=True)
    return comparison


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else compares in this folder meanwhile.

    Raises:
        RunFolderError: if somebody does, or it cannot be written.
    """
    lock = FolderLock(folder)
    with writing_into(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _run(
    cells: Sequence[Cell],
    data: Any,
    x: tuple[Any, ...],
    metrics: Mapping[str, Metric],
    workers: int,
    executor: str,
    *,
    show: bool,
) -> list[Result]:
    """The results in the order of the cells."""
    known = {cell.key: finished(cell, metrics) for cell in cells}
    left = [cell for cell in cells if known[cell.key] is None]
    work: Callable[[Cell, Any], Result] = partial(_work, metrics=metrics)
    # Chains come first: guides are compared with them.
    waves = [[c for c in left if c.fits is fits] for fits in (False, True)]
    with counting("runs", len(cells), len(cells) - len(left), show=show) as one_more:
        for wave in filter(None, waves):
            done = run_all(work, wave, (data, x), lost, workers=workers, executor=executor)
            for result in done:
                known[result.key] = result
                one_more()
    return [result for cell in cells if (result := known[cell.key]) is not None]


def _work(cell: Cell, shared: tuple[Any, tuple[Any, ...]], metrics: Mapping[str, Metric]) -> Result:
    return complete(cell, *shared, metrics)


def _learning(objectives: Mapping[str, Any]) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Objectives by label, each with settings of its own."""
    if not isinstance(objectives, Mapping) or not objectives:
        raise ArgumentError(
            "objectives must map labels to objectives, for example {'ELBO': ELBO()}; got "
            f"{shown(objectives)}."
        )
    found = {}
    for label, given in objectives.items():
        objective, own = given if isinstance(given, tuple) else (given, {})
        if isinstance(objective, str):
            objective = parse_objective(objective)
        loss = isinstance(objective, (Objective, Sampler)) or hasattr(objective, "loss")
        if isinstance(objective, type) or not loss:
            raise ArgumentError(
                f"objectives[{label!r}] must be an objective such as ELBO(), its string form, or a "
                f"tuple of one and keywords of fit; got {shown(given)}."
            )
        found[str(label)] = objective, dict(own)
    return found


def _check(
    pairs: Any,
    budget: Any,
    workers: Any,
    executor: Any,
    settings: Mapping[str, Any],
    learning: Mapping[str, tuple[Any, dict[str, Any]]],
) -> None:
    if not isinstance(pairs, Mapping) or not pairs:
        raise ArgumentError(
            "pairs must map labels to pairs, for example {'vae': create('vae')}; got "
            f"{type(pairs).__name__}."
        )
    for label, pair in pairs.items():
        of_two = isinstance(pair, tuple) and len(pair) == 2
        if not (of_two or hasattr(pair, "model") or (callable(pair) and not isinstance(pair, str))):
            raise ArgumentError(
                f"pairs[{label!r}] must be a pair, a (model, guide) tuple, or a function of the "
                f"seed that makes one; got {type(pair).__name__}."
            )
    if not isinstance(budget, Mapping) or len(budget) != 1 or not set(budget) <= set(BUDGETS):
        raise ArgumentError(
            "budget must be one of {'steps': n}, {'epochs': n} and {'seconds': s}, so that it is "
            f"equal for all; got {shown(budget)}."
        )
    ((kind, amount),) = budget.items()
    check = check_positive if kind == "seconds" else check_count
    check(f"budget[{kind!r}]", amount)
    check_count("workers", workers)
    check_one_of("executor", executor, EXECUTORS)
    from inference.training.fit import fit

    accepted = set(fit.__kwdefaults__ or ()) - set(_OWN)
    for source, given in {"": settings, **{k: own for k, (_, own) in learning.items()}}.items():
        for name in given:
            if name not in accepted:
                where = f"objectives[{source!r}]" if source else "compare"
                raise ArgumentError(
                    f"{where} has no argument {name!r} for fit; there are "
                    f"{', '.join(sorted(accepted))}."
                )


def _seeds(seeds: Any) -> list[int]:
    found = listed("seeds", seeds)
    if found is None and not isinstance(seeds, numbers.Integral):
        raise ArgumentError(
            f"seeds must be a number of seeds or a list of them, got {shown(seeds)}."
        )
    if found is None:
        return list(range(check_count("seeds", seeds)))
    for seed in found:
        check_seed(seed)
    if not found or len(set(found)) < len(found):
        raise ArgumentError(f"seeds must be one or more different numbers, got {found}.")
    return [int(seed) for seed in found]


def _identity(data: Any) -> str:
    if hasattr(data, "data_id"):
        return str(data.data_id("train"))
    return array_id(as_arrays(data))
