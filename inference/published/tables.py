"""Results as tables of figures that may be compared, and the parts of texts that are made of them.

python -m inference.published.tables README.md ppl_models/cards/*.md   # writes between the marks
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.comparison.metrics import NATS
from inference.errors import ArgumentError
from inference.published.estimator import Estimator
from inference.published.lines import Line, lines
from inference.published.result import Column

BEGIN, END = "<!-- results -->\n", "<!-- end of results -->\n"


@dataclass(frozen=True)
class Table:
    """Figures on the same data: a column for each way of scoring, a line for each row and budget.

    Attributes:
        columns: what the figures of each column have in common; all are on the same data.
        rows: a figure, or None, for each column.

    Raises:
        ArgumentError: if a figure belongs in another column, or columns are on different data.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Line | None, ...], ...]

    def __post_init__(self) -> None:
        if len({(column.data_id, column.binarisation) for column in self.columns}) != 1:
            raise ArgumentError("figures on different data share no table; make one for each.")
        for row in self.rows:
            for column, line in zip(self.columns, row, strict=True):
                if line is not None and line.result.column != column:
                    raise ArgumentError(
                        f"figures of {line.result.column} and of {column} share no column; give "
                        "each a column of its own."
                    )

    @property
    def heading(self) -> str:
        """The data, and which rows of them where all figures are of the same."""
        ids = self.columns[0].data_id.split()
        named = ids[0] if len(ids) == 1 else f"{len(ids)} data sets, {ids[0]} to {ids[-1]}"
        return f"{named}, {self.columns[0].scored}" if self._scored_alike else named

    @property
    def _scored_alike(self) -> bool:
        return len({column.scored for column in self.columns}) == 1

    @property
    def head(self) -> list[str]:
        """Names of the columns: of each figure what it is, then what is known of it."""
        found = ["row"]
        for column in range(len(self.columns)):
            rows = "" if self._scored_alike else f" ({self.columns[column].scored})"
            found += [f"{_named(self.columns[column])}{rows}", *self._beside(column)]
        return [*found, "seconds", "commit"]

    def cells(self) -> list[list[str]]:
        """The words of each line, under `head`."""
        return [self._cells(row) for row in self.rows]

    def _beside(self, column: int) -> list[str]:
        """What else a column has: published figures and goals, where one of its lines has one."""
        found = [line for row in self.rows if (line := row[column]) is not None]
        known = any(line.asked is not None and line.asked.published is not None for line in found)
        wanted = any(line.goal is not None for line in found)
        return ["published"] * known + ["goal", "to the goal"] * wanted

    def _cells(self, row: Sequence[Line | None]) -> list[str]:
        first = next(line for line in row if line is not None)
        found = [_label(first)]
        for column, line in enumerate(row):
            known = {} if line is None else _known(line)
            found += ["" if line is None else figure(line)]
            found += [known.get(name, "") for name in self._beside(column)]
        seconds = first.result.seconds
        stale = f", {first.stale}" if first.stale else ""
        return [*found, "" if seconds is None else f"{seconds:,.0f}", first.result.commit + stale]


def tables(found: Iterable[Line]) -> list[Table]:
    """Lines by data and by way of scoring, in the order in which they appear."""
    by_data: dict[tuple[str, str], list[Line]] = {}
    for line in found:
        by_data.setdefault((line.result.data_id, line.result.binarisation), []).append(line)
    return [_table(each) for each in by_data.values()]


def _table(found: Sequence[Line]) -> Table:
    columns = tuple(dict.fromkeys(line.result.column for line in found))
    rows: dict[tuple[str, ...], dict[Column, Line]] = {}
    for line in found:
        result = line.result
        key = (result.row, result.budget, result.commit, result.date, result.seeds)
        rows.setdefault(key, {})[result.column] = line
    return Table(columns, tuple(tuple(row.get(c) for c in columns) for row in rows.values()))


def as_markdown(found: Sequence[Line]) -> str:
    """The tables, then the commands and the papers; a note where there is none."""
    if not found:
        return "Nothing yet.\n"
    parts = []
    for table in tables(found):
        rows = [table.head, ["---"] * len(table.head), *table.cells()]
        lines_of = "".join(f"| {' | '.join(row)} |\n" for row in rows)
        parts.append(f"{table.heading}:\n\n{lines_of}")
    parts.append(_commands(found))
    notes = dict.fromkeys(note for line in found if (note := _note(line)))
    parts += ["".join(f"- {note}\n" for note in notes)] if notes else []
    return "\n".join(parts)


def _commands(found: Sequence[Line]) -> str:
    """The command of every row, said once for those that differ in the row's name alone."""
    names = dict.fromkeys(
        line.result.command.replace(f" {line.result.row} ", " ROW ", 1) for line in found
    )
    return "".join(f"    {each}\n" for each in names)


def written_into(text: str, found: Sequence[Line]) -> str:
    """A text with the tables between the two marks; as it is where there are no marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        return text
    return f"{before}{begin}\n{as_markdown(found)}\n{end}{after}"


def found_for(path: Path) -> list[Line]:
    """What a text is about: a card its model, any other text all of them."""
    return lines(model=path.stem if path.parent.name == "cards" else "*")


def figure(line: Line) -> str:
    """The figure with as many digits as its error has two of; seeds one by one where they count."""
    result = line.result
    if result.unit == "modes" and result.by_seed:
        return result.by_seed
    spread = result.standard_error if result.deviation is None else result.deviation
    if spread is None:
        return f"{result.ours:.5g}"
    digits = next((k for k, least in enumerate((10, 1, 0.1)) if spread >= least), 3)
    text = f"{result.ours:.{digits}f}"
    if result.standard_error is not None:
        text += f" ± {result.standard_error:.{digits}f}"
    return text + ("" if result.deviation is None else f", seeds ± {result.deviation:.{digits}f}")


def _named(column: Column) -> str:
    label = Estimator.parse(column.estimator).label
    return label if column.unit in ("", "modes", NATS) else f"{label}, {column.unit}"


def _label(line: Line) -> str:
    result = line.result
    title = "" if line.row is None else f": {line.row.title}"
    seeds = len(result.seeds.split())
    return f"`{result.row}`{title} ({result.budget}{f', {seeds} seeds' if seeds > 1 else ''})"


def _known(line: Line) -> dict[str, str]:
    found = {}
    if line.asked is not None and line.asked.published is not None:
        found["published"] = str(line.asked.published)
    if line.goal is not None and line.distance is not None:
        left = "reached" if line.reached else f"{line.distance:.3g}"
        found |= {"goal": f"{line.goal:g}", "to the goal": left}
    return found


def _note(line: Line) -> str:
    """Where a published figure stands, and how it was found."""
    if line.row is None or line.asked is None or line.asked.published is None:
        return ""
    published = line.asked.published
    source = ", ".join(filter(None, (line.row.paper, line.row.table)))
    return f"{published.value:g}: {source}{f' ({published.note})' if published.note else ''}"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        file = Path(name)
        file.write_text(written_into(file.read_text(), found_for(file)))
