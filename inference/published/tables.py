"""Results as tables of figures that may be compared, and the parts of texts that are made of them.

python -m inference.published.tables README.md ppl_models/cards/*.md   # writes between the marks
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.errors import ArgumentError
from inference.published.estimator import Estimator
from inference.published.frame import Line, lines
from inference.published.result import Column

BEGIN, END = "<!-- results -->\n", "<!-- end of results -->\n"
HEAD = ("row", "budget", "ours", "seeds", "seconds", "published", "goal", "missing", "commit")


@dataclass(frozen=True)
class Table:
    """Figures of one column: the same data, binarisation, estimator and unit.

    Raises:
        ArgumentError: if a line belongs in another column.
    """

    column: Column
    lines: tuple[Line, ...]

    def __post_init__(self) -> None:
        for line in self.lines:
            if line.result.column != self.column:
                raise ArgumentError(
                    f"figures of {line.result.column} and of {self.column} share no column; "
                    "put them in tables of their own."
                )

    @property
    def heading(self) -> str:
        """Estimator, unit and data."""
        column = self.column
        label = Estimator.parse(column.estimator).label
        unit = f", {column.unit}" if column.unit else ""
        ids = column.data_id.split()
        named = ids[0] if len(ids) == 1 else f"{len(ids)} data sets, {ids[0]} to {ids[-1]}"
        return f"{label}{unit}; {column.scored}, {named}"

    def cells(self) -> list[tuple[str, ...]]:
        """The words of each line, under `HEAD`."""
        return [_cells(line) for line in self.lines]


def tables(found: Iterable[Line]) -> list[Table]:
    """Lines apart by column, in the order in which columns appear."""
    apart: dict[Column, list[Line]] = {}
    for line in found:
        apart.setdefault(line.result.column, []).append(line)
    return [Table(column, tuple(each)) for column, each in apart.items()]


def as_markdown(found: Sequence[Line]) -> str:
    """The tables, with the commands below; a note where there is none."""
    if not found:
        return "Nothing yet.\n"
    parts = []
    for table in tables(found):
        rows = [HEAD, ("---",) * len(HEAD), *table.cells()]
        parts.append(f"{table.heading}:\n\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows))
    commands = "".join(f"    {each}\n" for each in dict.fromkeys(x.result.command for x in found))
    papers = dict.fromkeys(
        f"`{x.row.name}`: {', '.join(filter(None, (x.row.paper, x.row.table)))}"
        + (f" ({x.asked.published.note})" if x.asked.published and x.asked.published.note else "")
        for x in found
        if x.row is not None and x.row.paper and x.asked is not None
    )
    parts.append(commands)
    parts += ["".join(f"- {each}\n" for each in papers)] if papers else []
    return "\n".join(parts)


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


def _cells(line: Line) -> tuple[str, ...]:
    result = line.result
    published = None if line.asked is None else line.asked.published
    return (
        f"`{result.row}`" + (f" ({line.row.title})" if line.row is not None else ""),
        result.budget,
        figure(result.ours, result.standard_error)
        + ("" if result.deviation is None else f" (seeds ± {result.deviation:.2g})"),
        str(len(result.seeds.split())),
        "" if result.seconds is None else f"{result.seconds:,.0f}",
        "" if published is None else str(published),
        "" if line.goal is None else f"{line.goal:g}",
        "" if line.distance is None else "reached" if line.reached else f"{line.distance:.3g}",
        result.commit + ("" if not line.stale else f", {line.stale}"),
    )


def figure(value: float, error: float | None) -> str:
    """A figure with as many digits as its error has two of."""
    if error is None:
        return f"{value:.4g}"
    digits = 2 if error >= 0.1 else 3
    return f"{value:.{digits}f} ± {error:.{digits}f}"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        file = Path(name)
        file.write_text(written_into(file.read_text(), found_for(file)))
