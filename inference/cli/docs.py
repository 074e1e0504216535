"""`ppl-zoo docs`: the documentation as a static site."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inference.cli.text import answering, console
from inference.errors import ArgumentError


def docs_command(
    out: Annotated[Path, typer.Option(help="Folder of the site.")] = Path("site"),
    clone: Annotated[
        Path | None,
        typer.Option(
            help="A clone, whose guides are pages, too.", show_default="the one that you are in"
        ),
    ] = None,
) -> None:
    """Write the documentation as a site: guides, cards, and a reference from the docstrings.

    It needs no network. A link that leads nowhere makes the exit code 1.
    """
    from inference.cli.site.build import build
    from ppl_models.scaffold.files import find_clone

    try:
        root = find_clone((clone or Path.cwd()).resolve())
    except ValueError:
        root = None  # the site is cards and reference
    with answering(OSError):
        if clone is not None and root is None:
            raise ArgumentError(
                f"--clone {clone}: the folder is in no clone of the zoo; name one, or leave it out."
            )
        dead = build(out, root)
    for link in dead:
        console.print(f"leads nowhere: {link}", soft_wrap=True)
    console.print(f"Site: {out / 'index.html'}", soft_wrap=True)
    if dead:
        raise typer.Exit(1)
