"""Compare models of old figures with those of this tree, and note which are the same.

A figure is marked where its model's file says something else than when it was made. Many such
changes move code and change no number. This runs the model of the figure's commit and today's on 20
rows, with the options of the row, the same seeds and the first parameters: parameters, draws and
log densities of model and guide. Where all are equal to 1e-5 it appends a line to
`benchmarks/published/same_models.csv`, which holds for today's file alone.

python -m benchmarks.same_models [--row "sbn*"]
"""

from __future__ import annotations

import argparse
import io
import subprocess
import tarfile
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from benchmarks.same_models.compared import compared, numbers, write_call
from inference.cli.pairs import pair_maker
from inference.published.frame import Line, lines
from inference.published.meaning import meaning
from inference.published.provenance import provenance
from inference.published.reading import read_rows
from inference.published.same import SAME, Same, note
from ppl_models.datasets import load

ROWS = 20
_ROOT = Path(__file__).parents[2]


def main() -> None:
    """Print a line for each figure's model; append what is the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row", default="*", help="shell pattern of rows")
    given = parser.parse_args()
    known = read_rows()
    for line in _changed(given.row):
        with tempfile.TemporaryDirectory() as folder:
            found = _difference(known[line.result.row], line, Path(folder))
        print(f"{line.result.row}, {line.result.commit}: {found or 'the same'}", flush=True)
        if not found:
            now, made = meaning(line.result.module), provenance(line.result.engine)
            same = Same(line.result.row, line.result.meaning, now, made["commit"], made["date"])
            note(SAME, same)


def _changed(pattern: str) -> list[Line]:
    """One line for each row and commit whose model's file has changed."""
    found = {}
    for line in lines():
        if line.stale == "model changed since" and fnmatchcase(line.result.row, pattern):
            found[line.result.row, line.result.meaning] = line
    return list(found.values())


def _difference(row: Any, line: Line, folder: Path) -> str:
    """In words; empty if there is none."""
    data = load(row.data.name, **row.data.of(row.seeds[0]))
    maker: Any = pair_maker(f"row {row.name!r}", row.model, row.engine, row.options, data)
    model, engine, settings = maker.args
    given, rows = folder / "call.npz", [each[:ROWS] for each in data.arrays("train")]
    write_call(given, model, engine, {"seed": 0, **settings}, rows)
    done = subprocess.run(
        ["git", "archive", line.result.commit.rstrip("+"), "ppl_models"],
        cwd=_ROOT,
        capture_output=True,
        check=True,
    )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tree:
        tree.extractall(folder / "then", filter="data")
    try:
        then = numbers(folder / "then", given, folder / "then.npz")
        return compared(then, numbers(_ROOT, given, folder / "now.npz"))
    except RuntimeError as error:
        return str(error)


if __name__ == "__main__":
    main()
