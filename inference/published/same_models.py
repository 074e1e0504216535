"""Changed model files that were found to do what they did: lines of `same_models.csv`."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from inference.errors import ArgumentError
from inference.published.row import FOLDER
from inference.training.reading import MEGABYTE, read_regular

SAME = FOLDER / "same_models.csv"


@dataclass(frozen=True)
class Same:
    """Two files of a model that give a row the same parameters, draws and densities.

    Attributes:
        row: with whose options they were compared.
        then: hash of the file that a figure was made of, as `Result.meaning`.
        now: hash of the other one.
        commit: of the tree that compared them.
        date: of the day, in UTC.
    """

    row: str
    then: str
    now: str
    commit: str
    date: str


def note(path: Path, found: Same) -> None:
    """Append a line, and the head where the file is new."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    if not path.exists():
        table.writerow(each.name for each in fields(Same))
    table.writerow(astuple(found))
    with path.open("a", encoding="utf-8") as file:
        file.write(text.getvalue())


def read_same(path: Path = SAME) -> set[tuple[str, str, str]]:
    """Row, hash then, hash now of each line; none where there is no such file."""
    if not os.path.lexists(path):
        return set()
    try:
        text = read_regular(path, MEGABYTE, links=True).decode()
        read = csv.DictReader(io.StringIO(text, newline=""))
        return {(line["row"], line["then"], line["now"]) for line in read}
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise ArgumentError(
            f"{path} has not the columns row, then and now in UTF-8 ({error!r}); restore it."
        ) from error
