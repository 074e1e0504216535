"""The table of a comparison: a data frame that prints within 80 columns."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

import pandas as pd

_WIDTH, _APART = 80, 2
_NARROWEST, _WIDEST = 9, 30  # columns of a heading, of a cell
_BREAK = re.compile(r"(?<=[:,_]) *|(?<=\w) (?=\()| ")


class ComparisonTable(pd.DataFrame):
    """What `Comparison.table` returns; headings are broken where they are printed.

    What is too long for a cell stands below the table in full.

    What is made of it, such as a part of its columns, is a plain data frame.
    """

    def __repr__(self) -> str:
        if self.empty:
            return super().__repr__()
        names = [str(name) for name in self.index.names]
        labels = [[str(part) for part in key] for key in self.index]
        left = [_column(name, [key[n] for key in labels]) for n, name in enumerate(names)]
        right = [_column(str(name), [str(cell) for cell in self[name]]) for name in self]
        blocks = [_side_by_side([*left, *block]) for block in _blocks(left, right)]
        return "\n\n".join([*blocks, *self._in_full(labels)])

    def _in_full(self, labels: list[list[str]]) -> Iterator[str]:
        """What the table cuts short, such as the reason of a failure, below it."""
        for name in self:
            for key, cell in zip(labels, self[name], strict=True):
                if len(str(cell)) > _WIDEST:
                    said = f"{', '.join(key)}, {name}: {cell}"
                    yield textwrap.fill(
                        said, _WIDTH, break_long_words=False, break_on_hyphens=False
                    )  # a path or a command stays whole


def _column(heading: str, cells: Sequence[str]) -> list[str]:
    """A heading in lines, an empty string, and the cells, of one width."""
    widest = min(max(map(len, cells)), _WIDEST)
    head = _broken(heading, max(widest, _NARROWEST))
    width = max(widest, *map(len, head))
    short = [cell if len(cell) <= width else f"{cell[: width - 3]}..." for cell in cells]
    return [line.ljust(width) for line in [*head, "", *short]]


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


def _blocks(left: list[list[str]], right: list[list[str]]) -> Iterator[list[list[str]]]:
    """The columns in as few groups as the width allows; each stands beside the labels."""
    begun = sum(len(column[0]) + _APART for column in left)
    block, used = [], begun
    for column in right:
        if block and used + len(column[0]) > _WIDTH:
            yield block
            block, used = [], begun
        block.append(column)
        used += len(column[0]) + _APART
    yield block


def _side_by_side(columns: list[list[str]]) -> str:
    """Headings stand at the bottom of their lines, cells below them."""
    heads = [column[: column.index(" " * len(column[0]))] for column in columns]
    cells = [column[len(head) + 1 :] for column, head in zip(columns, heads, strict=True)]
    most = max(map(len, heads))
    full = [[" " * len(head[0])] * (most - len(head)) + head for head in heads]
    rows = [*zip(*full, strict=True), *zip(*cells, strict=True)]
    return "\n".join((" " * _APART).join(row).rstrip() for row in rows)
