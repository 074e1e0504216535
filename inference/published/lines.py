"""`results`: what was published beside what was found here, as a frame."""

from __future__ import annotations

import os
from collections.abc import Container, Mapping
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from inference.arguments import check_flag, check_path, check_text
from inference.descriptions import shown
from inference.errors import ArgumentError
from inference.published.meaning import meaning, source_of
from inference.published.reading import read_rows
from inference.published.result import RESULTS, Result, read_results
from inference.published.row import BUDGETS, FOLDER, Asked, Budget, Row
from inference.published.same_models import SAME, read_same

if TYPE_CHECKING:
    import pandas as pd


_OURS = [each.name for each in fields(Result)]
_THEIRS = ["paper", "published", "published_error", "known", "published_note", "difference"]
COLUMNS = ["title", *_OURS, *_THEIRS, "goal", "reached", "distance", "stale"]
"""Of the frame."""

_MAIN = ("row", "kind", "ours", "standard_error", "published", "goal")  # are printed


@dataclass(frozen=True)
class Line:
    """A result beside its row.

    Attributes:
        result: what was found.
        row: what it is about; None where row gone.
        asked: the row's figure; None where row asks for it no more.
        stale: why it says nothing about this tree; empty if it does.
    """

    result: Result
    row: Row | None
    asked: Asked | None
    stale: str

    @property
    def goal(self) -> float | None:
        """What was to be reached under the budget."""
        return (
            None if self.asked is None else self.asked.goals.get(check_budget(self.result.budget))
        )

    @property
    def distance(self) -> float | None:
        """How much worse than the goal, in the figure's unit; negative where it is better."""
        if self.goal is None or self.asked is None:
            return None
        sign = {"higher": -1.0, "lower": 1.0, None: None}[self.asked.estimator.better]
        return None if sign is None else sign * (self.result.ours - self.goal)

    @property
    def reached(self) -> bool | None:
        """Whether the goal was; None where there is none."""
        return None if self.distance is None else self.distance <= 0

    def as_dict(self) -> dict[str, Any]:
        """A row of the frame."""
        row, published = self.row, None if self.asked is None else self.asked.published
        return {
            "title": "" if row is None else row.title,
            **asdict(self.result),
            "paper": "" if row is None else ", ".join(filter(None, (row.paper, row.table))),
            "published": None if published is None else published.value,
            "published_error": None if published is None else published.error,
            "known": "" if published is None else published.known,
            "published_note": "" if published is None else published.note,
            "difference": None if published is None else self.result.ours - published.value,
            "goal": self.goal,
            "reached": self.reached,
            "distance": self.distance,
            "stale": self.stale,
        }


def results(
    *,
    model: str = "*",
    data: str = "*",
    stale: bool | None = None,
    history: bool = False,
    rows: str | os.PathLike[str] | None = None,
    path: str | os.PathLike[str] | None = None,
) -> pd.DataFrame:
    """Figures that were made here beside published ones, as a frame.

    A line is one figure of one row under one budget: `ours` with `standard_error` (over the scored
    data) and `deviation` (over seeds), in `unit`; how it was found (`kind`, `estimator`, `scored`,
    `data_id`, `binarisation`); where (`hardware`, `threads`, `versions`, `commit`, `command`,
    `seconds`); `published`, how well that is known (`"read"`, `"quoted"`, or from `"memory"`) and
    the `difference` of ours to it; the `goal`, whether it was `reached`, and the `distance` that is
    missing. Figures whose `data_id`, `binarisation`, `kind`, `estimator`, `unit` or `scored` differ
    are not comparable; `inference.published.tables` gives them columns of their own.

    Args:
        model: shell pattern of models.
        data: shell pattern of names of data sets, such as `"mnist*"`.
        stale: only figures of a model file or row that has changed since, or only others.
        history: also figures that were made anew later.
        rows: the folder of rows; None for the package's.
        path: the file of results; None for the package's.

    Raises:
        ArgumentError: if a row or a result cannot be read.
    """
    import pandas as pd

    from inference.tables import PrintedTable

    if stale is not None:
        check_flag("stale", stale)
    check_flag("history", history)
    rows = FOLDER if rows is None else check_path("rows", rows)
    path = RESULTS if path is None else check_path("path", path)
    found = lines(model=model, data=data, history=history, rows=rows, path=path)
    kept = [line for line in found if stale is None or bool(line.stale) is stale]
    frame = pd.DataFrame([line.as_dict() for line in kept], columns=COLUMNS)
    return PrintedTable.of(frame, main=_MAIN)


def lines(
    *,
    model: str = "*",
    data: str = "*",
    history: bool = False,
    rows: Path = FOLDER,
    path: Path = RESULTS,
) -> list[Line]:
    """The same as objects, by row and in its order of figures.

    Raises:
        ArgumentError: if a row or a result cannot be read.
    """
    check_text("model", model)
    check_text("data", data)
    rows, path = check_path("rows", rows), check_path("path", path)
    if not path.is_file():
        raise ArgumentError(f"results={str(path)!r} is no file of results, such as {RESULTS}.")
    known, same = read_rows(rows), read_same(rows / SAME.name)
    newest: dict[tuple[Any, ...], Result] = {}
    for number, result in enumerate(read_results(path)):
        if fnmatchcase(result.model, model) and _is_of(result.data_id, data):
            key = (result.row, result.budget, result.column)
            newest[(*key, number) if history else key] = result
    return sorted((_line(result, known, same) for result in newest.values()), key=_place)


def _is_of(data_id: str, pattern: str) -> bool:
    """Whether the data set, with its variant or without, is meant by a shell pattern."""
    named = data_id.partition("/")[0]
    return fnmatchcase(named, pattern) or fnmatchcase(named.partition("+")[0], pattern)


def _place(line: Line) -> tuple[Any, ...]:
    order = 0 if line.asked is None or line.row is None else line.row.asked.index(line.asked)
    return line.result.row, line.result.budget, order, line.result.date


def _line(result: Result, known: Mapping[str, Row], same: Container[tuple[str, str, str]]) -> Line:
    row = known.get(result.row)
    asked = None if row is None else _asked(result, row)
    return Line(result, row, asked, _stale(result, row, asked, same))


def _asked(result: Result, row: Row) -> Asked | None:
    wanted = (result.estimator, result.unit, result.scored)
    for each in row.asked:
        if (each.estimator.spelling, each.unit, str(each.scored)) == wanted:
            return each
    return None


def _stale(
    result: Result, row: Row | None, asked: Asked | None, same: Container[tuple[str, str, str]]
) -> str:
    if row is None:
        return "row gone"
    if source_of(result.module) is None:
        return "model gone"
    if asked is None or result.budget not in row.budgets:
        return "row asks for it no more"
    if row.spec(cast("Budget", result.budget), asked) != result.spec:
        return "row changed since"
    now = meaning(result.module)
    if not result.meaning or now == result.meaning:
        return ""
    return "" if (row.name, result.meaning, now) in same else "model changed since"


def check_budget(budget: str) -> Budget:
    """One of the two budgets.

    Raises:
        ArgumentError: if it is neither.
    """
    if budget not in BUDGETS:
        raise ArgumentError(f"budget must be one of {', '.join(BUDGETS)}, got {shown(budget)}.")
    return cast("Budget", budget)
