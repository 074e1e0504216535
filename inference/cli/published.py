"""`ppl-zoo reproduce` and `ppl-zoo results`: published figures and ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from inference.cli.ending import interruptible
from inference.cli.output import check_writable, json_option, notes, say_json
from inference.cli.tables import counted, fits, listing, print_rows
from inference.cli.text import answering, console, did_you_mean, plain_warnings
from inference.errors import ArgumentError

if TYPE_CHECKING:
    from inference.published.lines import Line
    from inference.published.row import Row


def reproduce_command(
    name: Annotated[
        str | None,
        typer.Argument(help="A row of benchmarks/published.", show_default="a list of them"),
    ] = None,
    *,
    budget: Annotated[
        Literal["short", "full"], typer.Option(help="How long to train; the row says.")
    ] = "short",
    seeds: Annotated[
        int | None, typer.Option(min=1, help="How many.", show_default="the row's")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs/published"),
    results: Annotated[
        Path | None,
        typer.Option(
            help="The file to append to.",
            show_default="benchmarks/published/results.csv; OUT/results.csv without a clone",
        ),
    ] = None,
    rows: Annotated[
        Path | None, typer.Option(help="Folder of rows.", show_default="the package's")
    ] = None,
    as_json: json_option = False,
) -> None:
    """Train and score a row of published figures, and append what it came to to the results.

    Given again it goes on where it was stopped.
    """
    from inference.cli.pairs import pair_maker
    from inference.published.lines import lines
    from inference.published.reading import read_rows
    from inference.published.reproduce import reproduce
    from inference.published.result import RESULTS, append
    from inference.published.row import FOLDER
    from ppl_models._registry import find_place
    from ppl_models.datasets import load

    with answering():
        known = _some(read_rows(rows or FOLDER), rows)
        if name is None:
            _list(known, as_json=as_json)
            return
        row = _chosen(name, known)
    where = results or (RESULTS if FOLDER.is_symlink() else out / "results.csv")
    with answering(OSError):
        check_writable(where)

    def make(data: Any, seed: int) -> Any:
        return pair_maker(f"row {row.name!r}", row.model, row.engine, row.options, data)(seed)

    kept = interruptible(lambda: f"What was done is kept in {out}; the same command goes on there.")
    with answering(ValueError, TypeError, OSError), plain_warnings(), kept:
        module = find_place(row.model).module(row.engine)
        found = reproduce(row, budget, load, make, module, seeds=seeds, out=out)
        append(where, found)
        shown = lines(rows=rows or FOLDER, path=where)
    if as_json:
        say_json([vars(each) for each in found])
    else:
        _print([line for line in shown if line.result in found])
    notes(as_json).print(f"Kept in {where.resolve()}", soft_wrap=True)


def results_command(
    *,
    model: Annotated[str, typer.Option(help="Shell pattern of models.")] = "*",
    data: Annotated[str, typer.Option(help="Shell pattern of data sets, such as 'mnist*'.")] = "*",
    form: Annotated[
        Literal["table", "md", "csv", "json"], typer.Option("--format", help="How to print.")
    ] = "table",
    stale: Annotated[
        bool,
        typer.Option(
            "--stale", help="Only figures whose row or model file has changed since; exit code 1."
        ),
    ] = False,
    path: Annotated[
        Path | None, typer.Option("--results", help="The file.", show_default="the package's")
    ] = None,
    rows: Annotated[
        Path | None, typer.Option(help="Folder of rows.", show_default="the package's")
    ] = None,
    as_json: json_option = False,
) -> None:
    """Print our figures beside published ones; those of another estimator or data apart."""
    from inference.published.lines import lines, results
    from inference.published.reading import read_rows
    from inference.published.result import RESULTS
    from inference.published.row import FOLDER
    from inference.published.tables import as_markdown

    form = "json" if as_json else form
    places: dict[str, Any] = {"rows": rows or FOLDER, "path": path or RESULTS}
    with answering(OSError):
        found = lines(model=model, data=data, **places)
        if not found and (model, data) != ("*", "*"):
            raise ArgumentError(
                f"there is no figure of a model {model!r} on data {data!r}; `ppl-zoo results` "
                "shows all, and `ppl-zoo reproduce` lists what can be made."
            )
        found = [line for line in found if line.stale] if stale else found
        if form in ("csv", "json"):
            frame = results(model=model, data=data, stale=stale or None, **places)
            text = frame.to_csv(index=False) if form == "csv" else frame.to_json(orient="records")
            typer.echo(text, nl=form == "json")
        elif form == "md":
            typer.echo(as_markdown(found), nl=False)
        else:
            _print(found)
            made = {line.result.row for line in found}
            left = [name for name in read_rows(rows or FOLDER) if name not in made]
            if left and (model, data, stale) == ("*", "*", False):
                console.print(f"Rows without a figure yet: {', '.join(left)}.", soft_wrap=True)
    if stale and found:
        raise typer.Exit(1)


def _some(known: dict[str, Row], folder: Path | None) -> dict[str, Row]:
    if not known:
        raise ArgumentError(
            f"--rows {folder} holds no row, which is a file NAME.toml as in benchmarks/published."
        )
    return known


def _chosen(name: str, known: dict[str, Row]) -> Row:
    if name not in known:
        raise ArgumentError(
            f"there is no row {name!r}; {did_you_mean(name, known)}`ppl-zoo reproduce` without a "
            "name lists all."
        )
    return known[name]


def _list(known: dict[str, Row], *, as_json: bool) -> None:
    if as_json:
        say_json(
            [
                {"row": row.name, "model": row.model, "engine": row.engine, "data": row.data.name,
                 "budgets": list(row.budgets), "title": row.title, "paper": row.paper}
                for row in known.values()
            ]
        )  # fmt: skip
        return
    table = listing("row", "model, data", "what it is")
    for row in known.values():
        budgets = f" ({', '.join(row.budgets)})" if list(row.budgets) != ["short"] else ""
        what = "; ".join(filter(None, (row.title, row.paper)))
        table.add_row(row.name, f"{row.model}, {row.data.name}", f"{what}{budgets}")
    console.print(table)


def _print(found: list[Line]) -> None:
    from inference.published.tables import tables

    for each in tables(found):
        table = Table(*each.head, title=each.heading, title_justify="left")
        plain = [[cell.replace("`", "") for cell in cells] for cells in each.cells()]
        for cells in plain:
            table.add_row(*cells)
        if fits(table):
            console.print(table)
            continue
        console.print(each.heading, style="italic")  # a line for each fact where columns are cut
        print_rows(each.head, plain)
    with_goal = [line for line in found if line.reached is not None]
    reached = sum(bool(line.reached) for line in with_goal)
    trained = {
        (each.row, each.budget, each.seeds): (each.seconds or 0) * len(each.seeds.split())
        for each in (line.result for line in found)
    }
    console.print(
        f"{counted(len(found), 'figure')} of {counted(len(trained), 'row')} and "
        f"{'budget' if len(trained) == 1 else 'budgets'}; {reached} of "
        f"{len(with_goal)} goals reached; {sum(trained.values()):,.0f} s of training, "
        "as far as it was timed.",
        soft_wrap=True,
    )
