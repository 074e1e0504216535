"""`ppl-zoo new`: a pair to start from, which passes its tests as it is."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from inference.cli.text import answering, console, plain_warnings
from ppl_models.scaffold.files import find_clone, model_files, package_files, write


def new(
    name: Annotated[str, typer.Argument(help="The model's name, such as demo_model.")],
    *,
    engine: Annotated[
        Literal["both", "pyro", "numpyro"], typer.Option(help="The libraries to write it for.")
    ] = "both",
    into: Annotated[
        Path | None,
        typer.Option(
            help="A folder for a package of your own, which pip installs.",
            show_default="the clone of the zoo that you are in",
        ),
    ] = None,
) -> None:
    """Write a new model: a working pair, its card, and its row in the tests."""
    engines = ("pyro", "numpyro") if engine == "both" else (engine,)
    with answering(OSError, ValueError), plain_warnings():
        if into is None:
            clone = find_clone(Path.cwd())
            files = model_files(name, engines, clone)
            chosen = f"{name} or {name.replace('_', '-')}"
            tests = shlex.join(["pytest", "tests/ppl_models", "-k", chosen])
            go_on = f"{shlex.join(['cd', str(clone)])} && {tests}"
        else:
            files = package_files(name, engines, into)
            go_on = shlex.join(["pip", "install", "-e", str(into)]) + f" && ppl-zoo show {name}"
        write(files)
    for path in files:
        console.print(str(path), soft_wrap=True)
    console.print(f"Go on with: {go_on}", soft_wrap=True)
