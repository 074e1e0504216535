"""Data frames that print within 80 columns, whatever they hold."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pandas as pd

_WIDTH, _APART = 80, 2
_NARROWEST, _WIDEST = 9, 36  # columns of a heading, of a cell
_MOST, _ENDS = 60, 5  # rows that are printed; of more, so many at both ends
_BREAK = re.compile(r"(?<=[:,_]) *|(?<=\w) (?=\()| ")


class PrintedTable(pd.DataFrame):
    """A data frame that prints in full: pandas leaves out columns that are beyond the 80th.

    Columns that do not fit stand in a second block below; what is too long for a cell stands below
    the table in full. Of more than 60 rows the first and the last five are printed, as pandas does.

    What is made of it, such as a part of its columns, is a plain data frame.
    """

    _metadata: list[str] = ["main"]  # noqa: RUF012 - pandas declares it so
    main: Sequence[str] = ()

    @classmethod
    def of(cls, frame: pd.DataFrame, *, main: Sequence[str] = ()) -> PrintedTable:
        """The frame as one that prints in full.

        Args:
            frame: any.
            main: the columns that are printed and shown; all of them where none are named. The
                others are named below.
        """
        found = cls(frame)
        found.main = tuple(main)
        return found

    def __repr__(self) -> str:
        if self.empty:
            return super().__repr__()
        shown, below = self._shown()
        places = range(len(shown))
        chosen = places if len(shown) <= _MOST else (*places[:_ENDS], *places[-_ENDS:])
        return "\n\n".join([_printed(shown, chosen), *below])

    def _repr_html_(self) -> str:
        shown, below = self._shown()
        return "".join([shown._repr_html_(), *(f"<p>{each}</p>" for each in below)])  # pyright: ignore

    def _shown(self) -> tuple[pd.DataFrame, list[str]]:
        """The columns that are printed, and a sentence about the others and about rows."""
        plain = pd.DataFrame(self)
        shown = plain.loc[:, list(self.main)] if self.main else plain
        others = [str(name) for name in plain if self.main and name not in self.main]
        below = []
        if others or len(plain) > _MOST:
            count = f"{len(plain)} rows, {plain.shape[1]} columns"
            said = f"{count}. Besides these: {', '.join(others)}." if others else f"{count}."
            below.append(textwrap.fill(said, _WIDTH))
        return shown, below


class _Column(NamedTuple):
    width: int
    head: list[str]
    cells: list[str]


def _printed(frame: pd.DataFrame, places: Sequence[int]) -> str:
    """Rows of a frame in as many blocks as its columns need, with a gap where rows are left out."""
    keys = [key if isinstance(key, tuple) else (key,) for key in frame.index]
    labels = [[str(part) for part in keys[place]] for place in places]
    gap = next((n for n, place in enumerate(places) if place != n), None)
    names = [str(name or "") for name in frame.index.names]
    left = [_column(name, [key[n] for key in labels], gap) for n, name in enumerate(names)]
    cells = {
        str(name): [_cell(frame.iat[place, n]) for place in places] for n, name in enumerate(frame)
    }
    numbers = {str(name) for name in frame if frame[name].dtype.kind in "iuf"}
    right = [_column(name, said, gap, right=name in numbers) for name, said in cells.items()]
    blocks = [_side_by_side([*left, *block]) for block in _blocks(left, right)]
    return "\n\n".join([*blocks, *_in_full(labels, cells)])


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "-" if value != value else f"{value:.6g}"
    return "-" if value is None else str(value)


def _in_full(labels: list[list[str]], cells: dict[str, list[str]]) -> Iterator[str]:
    """What the table cuts short, such as the reason of a failure, below it."""
    for name, said in cells.items():
        for key, cell in zip(labels, said, strict=True):
            if len(cell) > _WIDEST:
                full = f"{', '.join(key)}, {name}: {cell}"
                yield textwrap.fill(
                    full, _WIDTH, break_long_words=False, break_on_hyphens=False
                )  # a path or a command stays whole


def _column(
    heading: str, cells: Sequence[str], gap: int | None = None, *, right: bool = False
) -> _Column:
    """A heading in lines, and the cells, of one width."""
    widest = max(min(max(map(len, cells)), _WIDEST), 0 if gap is None else len("..."))
    head = _broken(heading, max(widest, _NARROWEST))
    width = max(widest, *map(len, head))
    short = [cell if len(cell) <= width else f"{cell[: width - 3]}..." for cell in cells]
    if gap is not None:
        short.insert(gap, "...")
    adjust = str.rjust if right else str.ljust
    return _Column(width, *([adjust(line, width) for line in lines] for lines in (head, short)))


def _broken(heading: str, width: int) -> list[str]:
    """The parts of a heading in lines of a width, where that can be."""
    lines = [""]
    for part in filter(None, _BREAK.split(heading)):
        apart = " " if lines[-1] and not lines[-1].endswith((":", ",", "_")) else ""
        if lines[-1] and len(lines[-1]) + len(apart) + len(part) > width:
            lines.append(part)
        else:
            lines[-1] += apart + part
    return lines


def _blocks(left: list[_Column], right: list[_Column]) -> Iterator[list[_Column]]:
    """The columns in as few groups as the width allows; each stands beside the labels."""
    begun = sum(column.width + _APART for column in left)
    block, used = [], begun
    for column in right:
        if block and used + column.width > _WIDTH:
            yield block
            block, used = [], begun
        block.append(column)
        used += column.width + _APART
    yield block


def _side_by_side(columns: list[_Column]) -> str:
    """Headings stand at the bottom of their lines, cells below them."""
    most = max(len(column.head) for column in columns)
    full = [[" " * each.width] * (most - len(each.head)) + each.head for each in columns]
    rows = [*zip(*full, strict=True), *zip(*(each.cells for each in columns), strict=True)]
    return "\n".join((" " * _APART).join(row).rstrip() for row in rows)
