"""Plant mistakes in a copy of the tree: `python -m benchmarks.source_mutants`."""

from __future__ import annotations

import datetime
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.source_mutants import table
from benchmarks.source_mutants.mutant import read
from benchmarks.source_mutants.trial import copy_tree, tried
from inference.published.provenance import commit, hardware, said_versions


def main(
    only: Annotated[list[str] | None, typer.Option(help="Names of mutants; repeatable.")] = None,
    write: Annotated[
        Path | None,
        typer.Option(help="A .json file; the table is written beside it, others' entries stay."),
    ] = None,
    limit: Annotated[float, typer.Option(min=1, help="Seconds for the tests of each.")] = 300,
) -> None:
    """Say which planted mistakes the tests find; the exit code is 1 where one should not live."""
    mutants = read()
    names = [mutant.name for mutant in mutants]
    if unknown := set(only or ()) - set(names):
        raise SystemExit(f"--only {min(unknown)} is no mutant; there are {', '.join(names)}.")
    if write is not None and write.suffix != ".json":
        raise SystemExit(f"--write takes a file that ends in .json, got {write}.")
    console = Console(markup=False, highlight=False)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    told = {"commit": commit(), "date": today, "hardware": hardware(), "versions": said_versions()}
    known = {} if write is None else table.kept(write)
    alive = 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy_tree(Path(folder))
        for mutant in mutants:
            if only and mutant.name not in only:
                continue
            found = tried(mutant, Path(folder), limit)
            alive += found.end != "killed" and not mutant.harmless
            console.print(f"{found.end:>8} {found.seconds:4.0f} s  {mutant.name}  {found.by}")
            known[mutant.name] = asdict(found) | {"seconds": round(found.seconds, 1)} | told
            if write is not None:
                table.write(write, mutants, known)
    raise typer.Exit(1 if alive else 0)


if __name__ == "__main__":
    typer.run(main)
