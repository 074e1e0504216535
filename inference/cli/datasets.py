"""`ppl-zoo data`: which data sets there are, what they hold, and whether their files are right."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from inference.cli.data import load_data
from inference.cli.ending import Commands
from inference.cli.names import data_name
from inference.cli.output import json_option, say_json
from inference.cli.settings import meanings_of
from inference.cli.tables import listing, print_facts
from inference.cli.text import answering, console
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

_SECOND_ARGUMENT = {
    "labels": "as a second argument of the pair, all classes (`all`), or those of so many rows.",
    "label_seed": "seed of the draw of these rows.",
    "quadrants": "as a second argument, so many quadrants of an image: 1, 2 or 3.",
}

data = typer.Typer(cls=Commands, help="The data sets: list, show, verify their files.")


@data.command("list")
def list_command(*, as_json: json_option = False) -> None:
    """List the data sets, and whether their files are on this machine."""
    rows = []
    table = listing("name", "what it is", "files")
    for name in list_datasets():
        files = published_files(name)
        here = sum(held(file) is not None for file in files)
        said = f"{here} of {len(files)} here" if files else "none needed"
        what = description(name).partition("\n")[0]
        table.add_row(name, what, said)
        rows.append({"name": name, "what": what, "files": len(files), "here": here})
    if as_json:
        say_json(rows)
    else:
        console.print(table)


@data.command()
def show(name: data_name, *, as_json: json_option = False) -> None:
    """Show a data set: what it is, its options, its files, and its splits where they are here.

    Nothing is downloaded.
    """
    with answering(ValueError):
        text = inspect.cleandoc(description(name))
        files = published_files(name)
    if as_json:
        say_json(_as_values(name, text, files))
        return
    story = text.partition("\nArgs:\n")[0]
    console.print("\n\n".join(" ".join(part.split()) for part in story.strip().split("\n\n")))
    meanings = _SECOND_ARGUMENT | meanings_of(text)
    print_facts({option: meanings.get(option, "") for option in options_of(name)})
    if files:
        console.print(_files_table(name))
    if any(held(file) is None for file in files):
        console.print("Its splits are shown where all of its files are on this machine.")
        return
    if wanted := needed_options(name):
        console.print(f"Its splits depend on {', '.join(wanted)}.")
        return
    found = load_data(name, {})
    table = listing("split", "shape", "data id, with the options' defaults")
    for split in SPLITS:
        table.add_row(split, str(getattr(found, split).shape), str(found.data_id(split)))
    console.print(table)


def _as_values(name: str, text: str, files: Sequence[PublishedFile]) -> dict[str, Any]:
    """What is shown, for JSON; splits where they can be had at once."""
    splits: dict[str, Any] = {}
    if all(held(file) is not None for file in files) and not needed_options(name):
        found = load_data(name, {})
        for split in SPLITS:
            shape = getattr(found, split).shape
            splits[split] = {"shape": shape, "data_id": str(found.data_id(split))}
    described = {"name": name, "text": text, "options": options_of(name)}
    return described | {"files": _states(files), "splits": splits}


def _states(files: Sequence[PublishedFile]) -> list[dict[str, Any]]:
    return [{"file": f"{f.folder}/{f.name}", "state": state(f), "sha256": f.sha256} for f in files]


@data.command()
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(help="Data sets; all of them without a name.")
    ] = None,
    *,
    as_json: json_option = False,
) -> None:
    """Compare the files on this machine with what was published; exit code 1 where one differs.

    A file that is not here is no fault, unless its data set is named.
    """
    fault = False
    with answering(ValueError):
        chosen = {name: published_files(name) for name in names or list_datasets()}
    if as_json:
        say_json({name: _states(files) for name, files in chosen.items()})
    for name, files in chosen.items():
        if as_json:
            pass
        elif files:
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
    # Names and addresses are to be copied: they are folded, not cut.
    first, last = (Column(heading, overflow="fold") for heading in ("file", "where"))
    table = Table(first, "state", "published SHA-256", last, title=name)
    for file in published_files(name):
        path = held(file)
        where = file.urls[0] + file.name if path is None else str(path)
        table.add_row(f"{file.folder}/{file.name}", state(file), file.sha256 or "unknown", where)
    return table
