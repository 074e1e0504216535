"""Results: one line of `results.csv` for each figure that was made; lines are only appended."""

from __future__ import annotations

import csv
import io
import math
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from filelock import FileLock

from inference.errors import ArgumentError
from inference.published.row import FOLDER
from inference.training.reading import MEGABYTE, read_regular

RESULTS = FOLDER / "results.csv"
_LARGEST = 256 * MEGABYTE


@dataclass(frozen=True)
class Column:
    """What figures must have in common to stand in one column.

    Attributes:
        data_id: of the scored split; several where each seed has its own.
        binarisation: of the data.
        kind: bound, importance-weighted, exact, annealed, or other.
        estimator: with its settings.
        unit: of the figure.
        scored: which rows of the split.
    """

    data_id: str
    binarisation: str
    kind: str
    estimator: str
    unit: str
    scored: str


@dataclass(frozen=True)
class Result:
    """One figure of a row under a budget.

    Attributes:
        row: name of the row.
        budget: `"short"` or `"full"`.
        model: name of the model.
        module: that the pair is in.
        engine: `"numpyro"` or `"pyro"`.
        objective: in its string form.
        data_id: see `Column`, as the next five.
        binarisation: see there.
        kind: see there.
        estimator: see there.
        unit: see there.
        scored: see there.
        ours: mean over the seeds.
        standard_error: over the scored data: root mean square over the seeds.
        deviation: standard deviation over the seeds; None of a single one.
        seeds: the seeds, with spaces between.
        by_seed: the figures one by one, with spaces between.
        seconds: of one fit, mean over the seeds.
        hardware: machine.
        threads: of one fit.
        versions: of the libraries.
        commit: of the tree that made it.
        date: of the day, in UTC.
        command: that makes it again.
        spec: hash of the row's entries that it depends on.
        meaning: hash of the model's file.
    """

    row: str
    budget: str
    model: str
    module: str
    engine: str
    objective: str
    data_id: str
    binarisation: str
    kind: str
    estimator: str
    unit: str
    scored: str
    ours: float
    standard_error: float | None
    deviation: float | None
    seeds: str
    by_seed: str
    seconds: float | None
    hardware: str
    threads: int | None
    versions: str
    commit: str
    date: str
    command: str
    spec: str
    meaning: str

    @property
    def column(self) -> Column:
        """Where it may stand."""
        return Column(*(getattr(self, each.name) for each in fields(Column)))


_NUMBERS = ("ours", "standard_error", "deviation", "seconds")


def append(path: Path, results: list[Result]) -> None:
    """Add the lines that are not there yet, and the head where the file is new.

    Processes that append at once take turns.

    Raises:
        ArgumentError: if it cannot be written, or a line of it is no result.
    """
    text = io.StringIO()
    table = csv.DictWriter(text, [each.name for each in fields(Result)], lineterminator="\n")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock")):
            there = read_results(path)
            if not path.exists() or not path.stat().st_size:
                table.writeheader()
            for each in results:
                if each not in there:
                    table.writerow({k: "" if v is None else v for k, v in asdict(each).items()})
            before = path.stat().st_size if path.exists() else 0
            try:
                with path.open("a", encoding="utf-8") as file:
                    file.write(text.getvalue())
            except OSError:  # of a full disk: half a line would be no result
                os.truncate(path, before)
                raise
    except OSError as error:
        raise ArgumentError(
            f"results={str(path)!r} cannot be written: {error.strerror}."
        ) from error


def read_results(path: Path = RESULTS) -> list[Result]:
    """All results, in the order in which they were made.

    Raises:
        ArgumentError: naming the line that is no result.
    """
    if not os.path.lexists(path):
        return []
    found, number = [], 1
    try:
        text = read_regular(path, _LARGEST, links=True).decode()
        lines = csv.DictReader(io.StringIO(text, newline=""))
        columns = [each.name for each in fields(Result)]
        if text and lines.fieldnames != columns:
            raise ValueError(f"the columns are not {','.join(columns)}")
        for line in lines:
            number += 1
            found.append(_result(line))
    except (OSError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise ArgumentError(
            f"{path}, line {number} is no result ({error!r}); restore the file from its "
            "history, and append with `ppl-zoo reproduce`."
        ) from error
    return found


def _result(line: dict[str, str]) -> Result:
    if None in line.values() or None in line:  # the csv module's word for a cell too few, too many
        raise ValueError("it has not a cell for each column")
    numbers = {key: float(line[key]) if line[key] else None for key in _NUMBERS}
    if numbers["ours"] is None:
        raise ValueError("there is no figure")
    bad = [key for key, value in numbers.items() if value is not None and not math.isfinite(value)]
    if bad:
        raise ValueError(f"{bad[0]} is {numbers[bad[0]]}")
    threads = int(line["threads"]) if line["threads"] else None
    return Result(**{**line, **numbers, "threads": threads})  # pyright: ignore[reportArgumentType]
