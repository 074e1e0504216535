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
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.adversaries import domain_classifier
from benchmarks.same_models.compared import compared, numbers, write_call
from inference.cli.pairs import pair_maker
from inference.published.lines import Line, lines
from inference.published.meaning import meaning
from inference.published.provenance import provenance
from inference.published.reading import read_rows
from inference.published.same_models import SAME, Same, note
from ppl_models.datasets import load

ROWS = 20
_ROOT = Path(__file__).parents[2]


def main() -> None:
    """Print a line for each figure's model; append what is the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row", default="*", help="shell pattern of rows")
    given = parser.parse_args()
    known = read_rows()
    changed = _changed(given.row)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        calls = [_call(known[each.result.row], folder, i) for i, each in enumerate(changed)]
        now = numbers(_ROOT, calls, folder)
        for commit in dict.fromkeys(each.result.commit for each in changed):
            some = [i for i, each in enumerate(changed) if each.result.commit == commit]
            then = _then(commit, [calls[i] for i in some], folder)
            for i, each in zip(some, then, strict=True):
                words = compared(each, now[i])
                print(f"{changed[i].result.row}, {commit}: {words or 'the same'}", flush=True)
                if not words:
                    _note(changed[i])


def _note(line: Line) -> None:
    """Append that a model does what it did."""
    now, made = meaning(line.result.module), provenance(line.result.engine)
    note(SAME, Same(line.result.row, line.result.meaning, now, made["commit"], made["date"]))


def _changed(pattern: str) -> list[Line]:
    """One line for each row and commit whose model's file has changed."""
    found = {}
    for line in lines():
        if line.stale == "model changed since" and fnmatchcase(line.result.row, pattern):
            found[line.result.row, line.result.meaning] = line
    return list(found.values())


def _call(row: Any, folder: Path, number: int) -> Path:
    """The file of a row's call: its options, and some rows of its data."""
    data = _data(row.data.name, tuple(sorted(row.data.of(row.seeds[0]).items())))
    path, rows = folder / f"call {number}.npz", [each[:ROWS] for each in data.arrays("train")]
    if row.program == "benchmarks.adversaries:domains":  # its pair is of no options of the row
        settings = domain_classifier(data.train.shape[1])
        rows = [np.eye(10, dtype=np.float32)[data.labels["train"][:ROWS]], *rows]
    else:
        maker: Any = pair_maker(f"row {row.name!r}", row.model, row.engine, row.options, data)
        settings = maker.args[2]
    write_call(path, row.model, row.engine, {"seed": 0, **settings}, rows)
    return path


@lru_cache(maxsize=1)  # rows of one data set follow each other
def _data(name: str, options: tuple[tuple[str, Any], ...]) -> Any:
    return load(name, **dict(options))


def _then(commit: str, calls: list[Path], folder: Path) -> list[dict[str, Any]]:
    """What the models of a commit's tree do."""
    done = subprocess.run(
        ["git", "archive", commit.rstrip("+"), "ppl_models"],
        cwd=_ROOT,
        capture_output=True,
        check=True,
    )
    tree_of_then = folder / commit
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tree:
        tree.extractall(tree_of_then, filter="data")
    return numbers(tree_of_then, calls, tree_of_then)


if __name__ == "__main__":
    main()
