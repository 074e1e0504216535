"""`ppl-zoo data`: which data sets there are, what they hold, and whether their files are right."""

from __future__ import annotations

import inspect
from typing import Annotated

import typer
from rich.table import Table

from inference.cli.data import load_data
from inference.cli.text import Commands, answering, console, print_facts
from ppl_models.datasets import (
    description,
    list_datasets,
    needed_options,
    options_of,
    published_files,
)
from ppl_models.datasets._dataset import SPLITS
from ppl_models.datasets._files import PublishedFile, hash_of, held

RIGHT = "as published"
ABSENT = "not here"
UNKNOWN = "here; no SHA-256 of it is known"
UNPACKED = "here, unpacked, so that its SHA-256 says nothing"

data = typer.Typer(cls=Commands, help="The data sets: list, show, verify their files.")


@data.command("list")
def list_command() -> None:
    """List the data sets, and whether their files are on this machine."""
    table = Table("name", "what it is", "files")
    for name in list_datasets():
        files = published_files(name)
        here = sum(held(file) is not None for file in files)
        said = f"{here} of {len(files)} here" if files else "none needed"
        table.add_row(name, description(name).partition("\n")[0], said)
    console.print(table)


@data.command()
def show(name: Annotated[str, typer.Argument(help="A data set of `ppl-zoo data list`.")]) -> None:
    """Show a data set: what it is, its options, its files, and its splits where they are here.

    Nothing is downloaded.
    """
    with answering(ValueError):
        console.print(inspect.cleandoc(description(name)))
    files = published_files(name)
    print_facts({"options": ", ".join(options_of(name))})
    if files:
        console.print(_files_table(name))
    if any(held(file) is None for file in files):
        console.print("Its splits are shown where all of its files are on this machine.")
        return
    if wanted := needed_options(name):
        console.print(f"Its splits depend on {', '.join(wanted)}.")
        return
    found = load_data(name, {})
    table = Table("split", "shape", "data id, with the options' defaults")
    for split in SPLITS:
        table.add_row(split, str(getattr(found, split).shape), str(found.data_id(split)))
    console.print(table)


@data.command()
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(help="Data sets; all of them without a name.")
    ] = None,
) -> None:
    """Compare the files on this machine with what was published; exit code 1 where one differs.

    A file that is not here is no fault, unless its data set is named.
    """
    fault = False
    with answering(ValueError):
        chosen = {name: published_files(name) for name in names or list_datasets()}
    for name, files in chosen.items():
        if files:
            console.print(_files_table(name))
        elif names:
            console.print(f"{name}: needs no file.")
        states = [state(file) for file in files]
        fault |= any(each not in (RIGHT, ABSENT, UNKNOWN, UNPACKED) for each in states)
        fault |= bool(names) and ABSENT in states
    if fault:
        raise typer.Exit(1)


def state(file: PublishedFile) -> str:
    """What there is to say of a file on this machine."""
    path = held(file)
    if path is None:
        return ABSENT
    found = hash_of(file, path)
    if found is None:
        return UNPACKED
    if file.sha256 is None:
        return UNKNOWN if len(found) == 64 else f"its SHA-256 is {found}"
    return RIGHT if found == file.sha256 else f"another file: its SHA-256 is {found}"


def _files_table(name: str) -> Table:
    table = Table("file", "state", "published SHA-256", "where", title=name)
    for file in published_files(name):
        path = held(file)
        where = file.urls[0] + file.name if path is None else str(path)
        table.add_row(f"{file.folder}/{file.name}", state(file), file.sha256 or "unknown", where)
    return table
