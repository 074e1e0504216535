"""`ppl-zoo check`: the findings of `check_pair` on a pair in a file."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from inference.cli.data import data_options, data_settings, load_data
from inference.cli.names import data_names, model_names
from inference.cli.output import json_option, say_json
from inference.cli.pairs import pair_maker
from inference.cli.settings import parse_settings
from inference.cli.text import answering, console
from inference.descriptions import raised, shown
from inference.errors import ArgumentError

_BATCH = 100  # rows of a minibatch, as of `ppl-zoo train`


def check_command(
    pair: Annotated[
        str,
        typer.Argument(
            help="path/to/file.py:Class, a (model, guide) tuple in its place, or a model's name.",
            autocompletion=model_names,
        ),
    ],
    *,
    engine: Annotated[
        str | None, typer.Option(help="Of a model: pyro or numpyro.", show_default="NumPyro's")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Of the class; repeatable."),
    ] = None,
    data: Annotated[
        str,
        typer.Option(help="Data set, or file, that the rows are from.", autocompletion=data_names),
    ] = "digits",
    binarisation: Annotated[
        str | None, typer.Option(help="dynamic, static, threshold or grey.", show_default="usual")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Rows of the batch, drawn by --rows-seed.")] = 7,
    rows_seed: Annotated[int, typer.Option(min=0, help="Seed of that draw.")] = 0,
    checks: Annotated[
        list[str] | None, typer.Option("--check", help="Make this check; repeatable.")
    ] = None,
    as_json: json_option = False,
) -> None:
    """Check a pair before it is trained; the exit code is 1 if there is an error."""
    import numpy as np

    from inference.data.drawn_rows import drawn_rows

    dataset = load_data(data, data_options(binarisation, None))
    with answering():
        x, *given = drawn_rows(dataset.arrays("train"), rows, seed=rows_seed)
    if dataset.dynamic:  # the rows hold probabilities, which training draws from in each step
        x = (np.random.default_rng(0).random(x.shape) < x).astype(np.float32)
    batch = (x, *given)
    with answering(OSError, ValueError):
        own = parse_settings(settings or (), {})
        if pair.isidentifier():
            made = pair_maker(pair, pair, engine, own, dataset, _BATCH)(0)
        elif engine is not None:
            raise ArgumentError("--engine is of a model's name; a file says its engine itself.")
        else:
            made = _made(_found(pair), own, data_settings(dataset, _BATCH))
            _refuse_no_pair(made, pair)
        from inference.checking.check import check_pair

        report = check_pair(made, *batch, checks=checks or None, rows=len(dataset.train))
    if as_json:
        say_json(report.frame.to_dict("records"))
    else:
        console.print(str(report), soft_wrap=True)
    if report.failed:  # limits and notes are no reason to stop
        raise typer.Exit(1)


def _found(place: str) -> Any:
    """What a file has under a name; running the file is importing it."""
    path, colon, name = place.rpartition(":")
    file = Path(path)
    if not colon or not name.isidentifier() or file.suffix != ".py":
        raise ArgumentError(
            f"PAIR must be path/to/file.py:Class, or a name of `ppl-zoo list`, got {shown(place)}."
        )
    if not file.is_file():
        raise ArgumentError(f"there is no file {path}; name the file that the pair is in.")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(file.parent))  # as if the file were run: it may import its neighbours
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        from inference.program.records import raising_line

        where = "" if isinstance(error, SyntaxError) else raising_line(error)  # it says so itself
        raise ArgumentError(
            f"{path} cannot be imported: {raised(error)}{f' ({where})' if where else ''}."
        ) from error
    finally:
        sys.path.remove(str(file.parent))
    if not hasattr(module, name):
        own = (
            n
            for n, value in vars(module).items()
            if isinstance(value, tuple) or getattr(value, "__module__", "") == module.__name__
        )
        public = ", ".join(n for n in own if not n.startswith("_")) or "no class and no tuple"
        raise ArgumentError(f"{path} has no {name!r}; it has {public}.")
    return getattr(module, name)


def _refuse_no_pair(made: Any, place: str) -> None:
    """Before the checks, of which all but one would be skipped."""
    if isinstance(made, tuple) and len(made) == 2:
        return
    missing = [name for name in ("model", "guide") if not hasattr(made, name)]
    if missing:
        file = place.rpartition(":")[0]
        raise ArgumentError(
            f"{place} is no pair: it has no {' and no '.join(missing)}. A pair is a class with the "
            f"methods model and guide; of two functions, write pair = (model, guide) in {file} and "
            f"pass {file}:pair."
        )


def _made(found: Any, settings: dict[str, Any], usual: dict[str, Any]) -> Any:
    """The pair of a class, with what the data decide where the class takes it."""
    if not inspect.isclass(found):
        if settings:
            raise ArgumentError("--set is for a class, and this is no class; leave it out.")
        return found
    accepted = inspect.signature(found).parameters
    fitting = {key: value for key, value in {"seed": 0, **usual}.items() if key in accepted}
    try:
        return found(**{**fitting, **settings})
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"{found.__name__}{inspect.signature(found)} cannot be made: {error}. Give its "
            "arguments with --set KEY=VALUE."
        ) from error
