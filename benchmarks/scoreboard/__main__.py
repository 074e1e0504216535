"""Print what a run, its folder and its calls withstand: `python -m benchmarks.scoreboard`."""

from __future__ import annotations

import datetime
import json
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.scoreboard import calls, endings, mutants, numbers, together
from benchmarks.scoreboard.row import Row, counted
from inference.published.provenance import commit, hardware, said_versions

ENGINES = ("pyro", "numpyro")
AT_ONCE = {
    "that train in one folder": together.in_one_folder,
    "that compare in one folder": together.compared_in_one_folder,
    "that append to one file of results": together.results_in_one_file,
    "that write one report": together.report_in_one_file,
}
FAST = {"kills": 1, "signals": 1, "loads": 60, "resumes": 10, "processes": 2, "again": 2}
FULL = {"kills": 25, "signals": 4, "loads": 1_200, "resumes": 220, "processes": 4, "again": 16}


def tried(
    folder: Path, sizes: dict[str, int], engines: tuple[str, ...]
) -> Iterator[tuple[str, Callable[[], Iterable[str]]]]:
    """What is tried: the name of each row, and what makes its outcomes.

    Args:
        folder: for runs.
        sizes: how many of each.
        engines: which.
    """
    yield "malformed calls: refused in a sentence", calls.outcomes
    yield "an error in a step: kept in memory and on disk", partial(endings.by_error, folder)
    yield "a folder that cannot be written: said by its name", partial(endings.by_folder, folder)
    yield "NaN and infinity: site named, status true", partial(numbers.outcomes, folder)
    for engine in engines:
        place = folder / engine
        place.mkdir()
        yield (
            f"{engine}: changed run folders loaded, refused or harmless",
            partial(mutants.outcomes, engine, place / "loads", sizes["loads"]),
        )
        yield (
            f"{engine}: changed run folders resumed, refused or harmless",
            partial(mutants.outcomes, engine, place / "resumes", sizes["resumes"], resume=True),
        )
        yield (
            f"{engine}: SIGKILL at any moment, resumed to the bit",
            partial(endings.by_signal, engine, place, "SIGKILL", sizes["kills"]),
        )
        for name in ("SIGTERM", "SIGHUP", "SIGINT"):
            yield (
                f"{engine}: {name}, saved and resumed to the bit",
                partial(endings.by_signal, engine, place, name, sizes["signals"]),
            )
        for what, at_once in AT_ONCE.items():
            yield (
                f"{engine}: processes {what}, no torn read",
                partial(at_once, engine, place, sizes["processes"]),
            )
        yield f"{engine}: threads at once", partial(together.in_threads, engine, 4)
        yield f"{engine}: the same seed again", partial(together.again, engine, sizes["again"])


def main(
    profile: Annotated[
        Literal["fast", "full"], typer.Option(help="Two minutes, or an hour.")
    ] = "full",
    write: Annotated[Path | None, typer.Option(help="Folder of a dated JSON file.")] = None,
    engine: Annotated[list[str], typer.Option(help="Which engines.")] = list(ENGINES),  # noqa: B006
    only: Annotated[str, typer.Option(help="Shell pattern of the rows to try.")] = "*",
) -> None:
    """Print the scoreboard; the exit code is 1 where a count is not whole.

    The file is written anew after each row, and keeps rows of the same day, profile and commit that
    are not tried this time.
    """
    warnings.simplefilter("ignore")
    logging.getLogger("inference").setLevel(logging.ERROR)
    sizes = {"fast": FAST, "full": FULL}[profile]
    console = Console()
    found = []
    with tempfile.TemporaryDirectory(prefix="scoreboard-") as folder:
        for name, outcomes in tried(Path(folder), sizes, tuple(engine)):
            if not fnmatchcase(name, only):
                continue
            row = counted(name, outcomes())
            found.append(row)
            console.print(f"{row.good:>6,} / {row.total:<6,} {row.name} ({row.seconds:.0f} s)")
            for failure in row.failures:
                console.print(f"                {failure:.200}", markup=False, highlight=False)
            if write is not None:
                _keep(write, profile, found)
    table = Table("figure", "right", "of", "seconds", title=f"Scoreboard, {profile}")
    for row in found:
        table.add_row(row.name, f"{row.good:,}", f"{row.total:,}", f"{row.seconds:.0f}")
    console.print(table)
    raise typer.Exit(0 if found and all(row.whole for row in found) else 1)


def _keep(folder: Path, profile: str, found: list[Row]) -> None:
    """Write the rows to the file of the day and the profile."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    path = folder / f"{today}-{profile}.json"
    told = {"commit": commit(), "hardware": hardware(), "versions": said_versions()}
    rows = [asdict(row) for row in found]
    if path.exists():
        before = json.loads(path.read_text())
        new = {row.name for row in found}
        if before["commit"] == told["commit"]:
            rows = [row for row in before["rows"] if row["name"] not in new] + rows
    content = {"date": today, "profile": profile, **told, "rows": rows}
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    typer.run(main)
