"""A comparison of runs that `fit` or `ppl-zoo train` made."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from inference.comparison.cells import Cell, Result
from inference.comparison.commands import is_table
from inference.comparison.comparison import Comparison
from inference.comparison.evaluation_rows import scored_id, scored_rows
from inference.comparison.metrics import chosen
from inference.descriptions import shown
from inference.errors import ArgumentError
from inference.training.loading import load_run
from inference.training.rebuilding import rebuild_pair
from inference.training.run import Run

PathLike = str | os.PathLike[str]


def gather(
    folders: Sequence[PathLike],
    data: Any,
    *,
    metrics: Mapping[str, Any] | Iterable[Any] = ("bound", "log_likelihood", "seconds"),
    test: Any = None,
    rows: int | None = None,
    rows_seed: int = 0,
) -> Comparison:
    """Compare runs that are there already, by asking the same of all.

    A run's labels are its model's class and its objective; seeds of the same two are averaged.
    Runs whose budgets differ are shown as they are, with the budget in the label.

    Args:
        folders: run folders.
        data: the dataset that all of them were trained on.
        metrics: as in `compare`.
        test: the rows to score, in place of the dataset's own.
        rows: score so many of these, drawn by `rows_seed`; None for all. See `drawn_rows`.
        rows_seed: of that draw.

    Raises:
        ArgumentError: if there are no folders, two hold the same run, or a run was trained on
            other data; figures on different data share no column.
        RunFolderError: if a folder cannot be read.
    """
    if isinstance(folders, (str, bytes)) or not isinstance(folders, Sequence) or not folders:
        raise ArgumentError(
            f"folders must be a list of at least one run folder, got {shown(folders)}."
        )
    if not hasattr(data, "data_id"):
        raise ArgumentError(
            "data must be the dataset that the runs were trained on, such as load('digits'), which "
            f"knows its id; got {type(data).__name__}."
        )
    wanted, identity = chosen(metrics), str(data.data_id("train"))
    runs = [load_run(folder) for folder in folders]
    for folder, run in zip(folders, runs, strict=True):
        if run.spec["data"]["id"] != identity:
            raise ArgumentError(
                f"{str(folder)!r} was trained on {run.spec['data']['id']}, not on {identity}; "
                "figures on different data share no column. Report them apart."
            )
    which = (data, test, rows, rows_seed)
    x = scored_rows(*which)
    labels = _labels(runs)
    cells, results = [], []
    for (pair, objective), run, folder in sorted(
        zip(labels, runs, folders, strict=True), key=lambda row: row[0]
    ):
        budget = {key: value for key, value in run.spec["budget"].items() if value is not None}
        cell = Cell(
            pair=pair,
            objective=objective,
            seed=run.spec["training"]["seed"],
            untrained=rebuild_pair(run.spec["pair"]),
            learning=run.objective,
            settings={},
            budget=budget,
            data_id=f"{identity}, scored on {scored_id(*which)}",
            run_folder=Path(folder),
            result_path=Path(folder),
        )
        figures = {name: metric(run, x, data=data) for name, metric in wanted.items()}
        engine = run.spec["pair"]["engine"]
        results.append(Result(*cell.key, engine, run.status, run.step, figures, None, ""))
        cells.append(cell)
    twice = [key for key, count in Counter(cell.key for cell in cells).items() if count > 1]
    if twice:
        raise ArgumentError(
            f"two of the runs are {twice[0][0]!r} under {twice[0][1]!r} from seed {twice[0][2]}; "
            "name one of them."
        )
    return Comparison(tuple(cells), tuple(results), wanted, data, x)


def _labels(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """Model and objective, with whatever else tells the runs apart."""
    described = []
    for run in runs:
        kind = (run.spec["pair"].get("class") or "functions").rpartition(":")[2]
        settings = run.spec["pair"].get("hyperparameters") or {}
        told = {k: v for k, v in settings.items() if not is_table(v)}
        own = {key: value for key, value in told.items() if key not in ("seed", "data_mean")}
        parts = {"engine": run.spec["pair"]["engine"], **own}
        training = {k: v for k, v in run.spec["training"].items() if k != "seed"}
        budget = {key: value for key, value in run.spec["budget"].items() if value is not None}
        described.append((kind, parts, run.spec["objective"], {**training, **budget}))
    labels = []
    for kind, parts, objective, training in described:
        alike = [other for other in described if other[0] == kind]
        pair = _with(kind, parts, [other[1] for other in alike])
        how = _with(objective, training, [other[3] for other in described])
        labels.append((pair, how))
    return labels


def _with(label: str, settings: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> str:
    """A label with those settings that are not the same everywhere."""
    differ = [k for k in settings if any(other.get(k) != settings[k] for other in others)]
    words = ", ".join(f"{key}={settings[key]}" for key in differ)
    return f"{label} ({words})" if words else label
