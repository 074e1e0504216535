"""Print what a run, its folder and its calls withstand: `python -m benchmarks.scoreboard`."""

from __future__ import annotations

import datetime
import json
import logging
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.scoreboard import calls, endings, mutants, numbers, together
from benchmarks.scoreboard.row import Row, counted
from inference.published.provenance import commit, hardware, said_versions

ENGINES = ("pyro", "numpyro")
FAST = {"kills": 1, "signals": 1, "loads": 60, "resumes": 10, "processes": 2, "again": 2}
FULL = {"kills": 25, "signals": 4, "loads": 1_200, "resumes": 220, "processes": 4, "again": 16}


def rows(folder: Path, sizes: dict[str, int], engines: tuple[str, ...]) -> Iterator[Row]:
    """The rows as they are found.

    Args:
        folder: for runs.
        sizes: how many of each.
        engines: which.
    """
    yield counted("malformed calls: refused in a sentence", calls.outcomes())
    yield counted("an error in a step: kept in memory and on disk", endings.by_error(folder))
    yield counted("a folder that cannot be written: said by its name", endings.by_folder(folder))
    yield counted("NaN and infinity: site named, status true", numbers.outcomes(folder))
    for engine in engines:
        place = folder / engine
        place.mkdir()
        yield counted(
            f"{engine}: changed run folders loaded, refused or harmless",
            mutants.outcomes(engine, place / "loads", sizes["loads"]),
        )
        yield counted(
            f"{engine}: changed run folders resumed, refused or harmless",
            mutants.outcomes(engine, place / "resumes", sizes["resumes"], resume=True),
        )
        yield counted(
            f"{engine}: SIGKILL at any moment, resumed to the bit",
            endings.by_signal(engine, place, "SIGKILL", sizes["kills"]),
        )
        for name in ("SIGTERM", "SIGHUP", "SIGINT"):
            yield counted(
                f"{engine}: {name}, saved and resumed to the bit",
                endings.by_signal(engine, place, name, sizes["signals"]),
            )
        yield counted(
            f"{engine}: processes in one folder, no torn read",
            together.in_one_folder(engine, place, sizes["processes"]),
        )
        yield counted(f"{engine}: threads at once", together.in_threads(engine, 4))
        yield counted(f"{engine}: the same seed again", together.again(engine, sizes["again"]))


def main(
    profile: Annotated[
        Literal["fast", "full"], typer.Option(help="Two minutes, or an hour.")
    ] = "full",
    write: Annotated[Path | None, typer.Option(help="Folder of a dated JSON file.")] = None,
    engine: Annotated[list[str], typer.Option(help="Which engines.")] = list(ENGINES),  # noqa: B006
) -> None:
    """Print the scoreboard; the exit code is 1 where a count is not whole."""
    warnings.simplefilter("ignore")
    logging.getLogger("inference").setLevel(logging.ERROR)
    sizes = {"fast": FAST, "full": FULL}[profile]
    console = Console()
    found = []
    with tempfile.TemporaryDirectory(prefix="scoreboard-") as folder:
        for row in rows(Path(folder), sizes, tuple(engine)):
            found.append(row)
            console.print(f"{row.good:>6,} / {row.total:<6,} {row.name} ({row.seconds:.0f} s)")
            for failure in row.failures:
                console.print(f"                {failure:.200}", markup=False, highlight=False)
    table = Table("figure", "right", "of", "seconds", title=f"Scoreboard, {profile}")
    for row in found:
        table.add_row(row.name, f"{row.good:,}", f"{row.total:,}", f"{row.seconds:.0f}")
    console.print(table)
    if write is not None:
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        told = {"commit": commit(), "hardware": hardware(), "versions": said_versions()}
        content = {"date": today, "profile": profile, **told, "rows": [asdict(r) for r in found]}
        write.mkdir(parents=True, exist_ok=True)
        (write / f"{today}-{profile}.json").write_text(json.dumps(content, indent=2) + "\n")
    raise typer.Exit(0 if all(row.whole for row in found) else 1)


if __name__ == "__main__":
    typer.run(main)
