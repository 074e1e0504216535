"""Tables on a terminal: whole where there is room, else a line of facts for each row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Markdown, TableElement
from rich.padding import Padding
from rich.table import Column, Table

from inference.cli.text import console


def listing(first: str, *others: str, title: str | None = None) -> Table:
    """A table whose first column is to be copied, and stays whole; no word of another is cut."""
    whole = Column(first, no_wrap=True)
    return Table(whole, *(Column(other, overflow="fold") for other in others), title=title)


def fits(table: Table) -> bool:
    """Whether a table is as wide as the terminal without a word that is cut."""
    drawn = "".join(segment.text for segment in console.render(table))
    held = [str(cell) for column in table.columns for cell in (column.header, *column.cells)]
    return drawn.count("…") <= "".join(held).count("…")


def print_rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of a table that is too wide: what comes first, and below it a line of facts."""
    for line in _in_lines(head, rows):
        console.print(line, highlight=False)


def _in_lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[Padding]:
    for label, *cells in rows:
        yield Padding(label, (0, 0, 0, 2))
        named = zip(head[1:], cells, strict=True)
        facts = [f"{name}: {cell}" for name, cell in named if cell]
        yield Padding("; ".join(facts), (0, 0, 0, 6))


class _CardTable(TableElement):
    """A table of a card; where the terminal is too narrow for it, a line of facts for each row."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        drawn = list(super().__rich_console__(console, options))
        if self.header is None or self.header.row is None or self.body is None:
            return drawn
        if all(fits(table) for table in drawn if isinstance(table, Table)):
            return drawn
        head = [cell.content.plain for cell in self.header.row.cells]
        rows = [[cell.content.plain for cell in row.cells] for row in self.body.rows]
        return _in_lines(head, rows)


class CardText(Markdown):
    """A card's text, none of whose tables is cut."""

    elements = {**Markdown.elements, "table_open": _CardTable}  # noqa: RUF012


def counted(count: int, noun: str) -> str:
    """A number and what it is of, such as "1 figure", "2 figures"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def print_facts(facts: Mapping[str, str]) -> None:
    """Print names and values as a table."""
    table = Table(show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, fact in facts.items():
        table.add_row(name, fact)
    console.print(table)
