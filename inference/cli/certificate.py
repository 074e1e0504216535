"""`ppl-zoo certify`: every objective's mean gradient against an exact one."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inference.cli.ending import interruptible
from inference.cli.output import check_writable, json_option, notes, say_json
from inference.cli.text import answering, console, known_words, progress_bar, whole_numbers
from inference.errors import ArgumentError

if TYPE_CHECKING:
    from inference.estimators.certificate.certify import Setting


def certify(
    *,
    objective: Annotated[
        list[str] | None, typer.Option(help="A row of the table; repeatable.", show_default="all")
    ] = None,
    case: Annotated[
        list[str] | None,
        typer.Option(help="A kind of latent or a program; repeatable.", show_default="all"),
    ] = None,
    engine: Annotated[
        list[str] | None, typer.Option(help="pyro or numpyro; repeatable.", show_default="both")
    ] = None,
    particles: Annotated[
        str, typer.Option(help="Values of K, each on the largest batch; of a program, 5 alone.")
    ] = "1,2,5,20",
    rows: Annotated[
        str, typer.Option(help="Sizes of the batch; those below the largest with one K.")
    ] = "1,20",
    subsampled: Annotated[
        bool, typer.Option(help="A plate that takes 4 of 12 data, with one K.")
    ] = True,
    upstream: Annotated[bool, typer.Option(help="The libraries' own losses, too.")] = True,
    noise: Annotated[
        bool, typer.Option(help="The noise of local gradients beside a global latent, too.")
    ] = True,
    draws: Annotated[int, typer.Option(min=1000, help="Draws of the latents for each.")] = 20_000,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    out: Annotated[Path | None, typer.Option(help="CSV file for every entry.")] = None,
    write: Annotated[
        Path | None,
        typer.Option(help="Markdown file whose sections the tables take the place of."),
    ] = None,
    as_json: json_option = False,
) -> None:
    """Compare every objective's mean gradient with an exact one, on every kind of latent."""
    from inference.engines import ENGINES
    from inference.estimators.certificate import record, report
    from inference.estimators.certificate.cases import CASES
    from inference.estimators.certificate.noise import noise as measure_noise
    from inference.estimators.certificate.programs import ENERGIES, PROGRAMS
    from inference.estimators.certificate.workers import as_frame
    from inference.estimators.certificate.workers import certify as measure

    with answering(OSError):
        labels = known_words("--objective", objective, _labels())
        known = known_words("--case", case, [*CASES, *PROGRAMS, *ENERGIES])
        engines = known_words("--engine", engine, list(ENGINES))
        counts, sizes = whole_numbers("--particles", particles), whole_numbers("--rows", rows)
        _check_files(out, write)
    ours = _own(known, labels=labels, engines=engines, counts=counts, sizes=sizes, part=subsampled)
    theirs = _of_the_libraries(known, engines, counts) if upstream else []
    chosen = [*ours, *theirs]
    started = time.monotonic()
    kept = interruptible(lambda: "No entry was kept.")
    with kept, progress_bar("entries", len(chosen)) as bar:
        outcomes = measure(chosen, draws, workers=workers, report=bar)
    if out is not None:
        with answering(OSError):
            as_frame(chosen, outcomes).to_csv(out, index=False)
    entries = list(zip(chosen, outcomes, strict=True))
    certificate = report.Certificate(
        own=entries[: len(ours)],
        upstream=entries[len(ours) :],
        noise=list(measure_noise(engines)) if noise else [],
        draws=draws,
    )
    if as_json:
        say_json(as_frame(chosen, outcomes).to_dict("records"))
    for section in certificate.sections() if not as_json else ():
        console.print(section.text, section.grid.rich(), sep="\n")
    if write is not None:
        with answering(OSError):
            record.write(write, certificate.markdown(), time.monotonic() - started)
    if failed := certificate.failed():
        notes(as_json).print(f"FAILED: {len(failed)} beyond the limit.")
        notes(as_json).print("\n".join(failed))
        raise typer.Exit(1)


def _check_files(out: Path | None, write: Path | None) -> None:
    """Fail as writing files at the end would, before time is spent on what is to be written.

    Raises:
        OSError: if one cannot be written.
        ArgumentError: if sections are to be put between what is no text.
    """
    for path in filter(None, (out, write)):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        there = os.path.lexists(path)
        if path.is_file() or not path.exists():
            path.open("ab").close()
        if not there:
            path.unlink()
    try:
        if write is not None and write.is_file():
            check_writable(write.resolve())  # another file takes its place
            write.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ArgumentError(
            f"--write {write}: the file holds no text, of which sections could be replaced; name "
            "another one."
        ) from error


def _labels() -> list[str]:
    """What is measured: objectives of bounds, and those of densities up to a constant."""
    from inference.estimators.certificate.certify import FAMILIES
    from inference.estimators.certificate.programs.energies import OBJECTIVES

    return list(dict.fromkeys([*(family.label for family in FAMILIES), *OBJECTIVES]))


def _own(
    known: Collection[str],
    *,
    labels: list[str],
    engines: list[str],
    counts: list[int],
    sizes: list[int],
    part: bool,
) -> list[Setting]:
    """Entries of the zoo's objectives, on cases and on programs of the names that are asked for."""
    from inference.estimators.certificate.cases import CASES
    from inference.estimators.certificate.certify import (
        energy_settings,
        program_settings,
        settings,
    )
    from inference.estimators.certificate.programs import ENERGIES, PROGRAMS

    cases, programs, energies = (
        [n for n in every if n in known] for every in (CASES, PROGRAMS, ENERGIES)
    )
    on_cases = settings(
        labels=labels,
        cases=cases,
        engines=engines,
        particles=counts,
        rows=sizes,
        subsampled=part,
    )
    return [
        *on_cases,
        *program_settings(labels=labels, programs=programs, engines=engines),
        *energy_settings(labels=labels, programs=energies, engines=engines),
    ]


def _of_the_libraries(
    known: Collection[str], engines: list[str], counts: list[int]
) -> list[Setting]:
    """Entries of the libraries' own losses, on the same."""
    from inference.estimators.certificate.programs import PROGRAMS
    from inference.estimators.certificate.upstream import upstream_of_programs, upstream_settings

    programs = [name for name in PROGRAMS if name in known]
    theirs = [
        *(s for s in upstream_settings(max(5, min(counts))) if s.case in known),
        *upstream_of_programs(5, programs),
    ]
    return [setting for setting in theirs if setting.engine in engines]
