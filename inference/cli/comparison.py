"""`ppl-zoo compare`, `ppl-zoo report` and `ppl-zoo demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from inference.cli.data import (
    check_data,
    data_file,
    data_of_run,
    load_data,
)
from inference.cli.ending import interruptible
from inference.cli.output import check_writable, json_option, say_json
from inference.cli.pairs import pair_maker
from inference.cli.tables import fits
from inference.cli.text import answering, console, plain_warnings
from inference.comparison.spec_file import EXAMPLE, Spec, read_spec
from inference.errors import ArgumentError

if TYPE_CHECKING:
    from inference.comparison.comparison import Comparison

_DEMO = Spec(
    title="Belief net and VAE on handwritten digits",
    data=("digits", {}),
    pairs={
        "belief net": ("sigmoid_belief", "numpyro", {"latent_dims": (64,), "bias_from_data": True}),
        "VAE": ("vae", "numpyro", {"latent_dim": 8, "hidden": (128,), "bias_from_data": True}),
        "VAE, Pyro": ("vae", "pyro", {"latent_dim": 8, "hidden": (128,), "bias_from_data": True}),
    },
    objectives={
        "ELBO": "elbo",
        "VIMCO(5)": "vimco:num_particles=5",
        "RWS(5)": "rws:num_particles=5",
    },
    arguments={"seeds": 2, "budget": {"epochs": 150}, "workers": 2},
)

_out = Annotated[Path | None, typer.Option(help="Folder of the runs.", show_default=False)]
_page = Annotated[
    Path | None, typer.Option("--report", help="The HTML file.", show_default="OUT/report.html")
]
_workers = Annotated[int | None, typer.Option(min=1, help="Runs at a time.")]
_executor = Annotated[
    Literal["processes", "ray"] | None, typer.Option(help="Where they run.", show_default=False)
]


def compare_command(
    spec: Annotated[Path | None, typer.Argument(help="A TOML file.", show_default=False)] = None,
    *,
    example: Annotated[bool, typer.Option("--example", help="Print such a file.")] = False,
    out: _out = None,
    report: _page = None,
    workers: _workers = None,
    executor: _executor = None,
    as_json: json_option = False,
) -> None:
    """Train pairs under objectives on equal terms; a table, and a report as one HTML file.

    Given again it goes on where it was stopped. The exit code is 1 where a run failed.
    """
    if example:
        console.print(EXAMPLE, end="", soft_wrap=True)  # whole lines, also in a pipe
        return
    with answering():
        if spec is None:
            raise ArgumentError("name a TOML file; `ppl-zoo compare --example` prints one.")
        asked = read_spec(spec)
    with answering(OSError):
        check_writable(report)
    given = {"out": out, "workers": workers, "executor": executor}
    _compare(asked, report, {"out": f"runs/{spec.stem}"}, given, as_json=as_json)


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the runs and the report.")] = Path(
        "runs/demo"
    ),
    epochs: Annotated[
        int, typer.Option(min=1, help="Passes over the 1,297 training images.")
    ] = 150,
    *,
    as_json: json_option = False,
) -> None:
    """Compare a belief net and VAEs on handwritten digits, each under three objectives."""
    _compare(_DEMO, None, {}, {"out": out, "budget": {"epochs": epochs}}, as_json=as_json)


def report_command(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs on the same data.")],
    *,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="Such as log_likelihood:num_particles=5000; repeatable.",
            show_default="bound, log_likelihood, seconds",
        ),
    ] = None,
    rows: Annotated[
        int | None, typer.Option(min=1, help="Score so many test rows, drawn by --rows-seed.")
    ] = None,
    rows_seed: Annotated[int, typer.Option(min=0, help="Seed of that draw.")] = 0,
    data: data_file = None,
    out: Annotated[Path, typer.Option(help="The HTML file.")] = Path("report.html"),
    as_json: json_option = False,
) -> None:
    """Ask the same of runs that are there already, and write a report."""
    from inference.comparison.gather import gather
    from inference.training.folder import RunFolder

    with answering(OSError):
        check_writable(out)
        recorded = str(RunFolder(runs[0]).read_spec().get("data", {}).get("id"))
    dataset = data_of_run(recorded, data)
    kept = interruptible(lambda: "No report was written.")
    with answering(), plain_warnings(), kept:
        check_data(dataset, recorded, "test")
        asked: dict[str, Any] = {"metrics": metric} if metric else {}
        found = gather(runs, dataset, rows=rows, rows_seed=rows_seed, **asked)
        _show(found, out, "Runs", as_json=as_json)


def _compare(
    spec: Spec,
    report: Path | None,
    usual: dict[str, Any],
    given: dict[str, Any],
    *,
    as_json: bool,
) -> None:
    from inference.comparison.compare import compare

    name, options = spec.data
    data = load_data(name, options)
    arguments = {**usual, **spec.arguments}
    arguments |= {key: value for key, value in given.items() if value is not None}
    folder = Path(arguments["out"])

    def kept() -> str:
        done = len([*folder.glob("results/*.json")])
        return (
            f"{done} finished runs, and what was begun, are kept in {folder}; the same command "
            "goes on there."
        )

    with answering(ValueError, TypeError), plain_warnings(), interruptible(kept):
        batch_size = spec.arguments.get("batch_size", 100)
        pairs = {
            label: pair_maker(f"pairs.{label}", *entry, data, batch_size)
            for label, entry in spec.pairs.items()
        }
        comparison = compare(pairs, spec.objectives, data, **arguments)
        _show(comparison, report or folder / "report.html", spec.title, as_json=as_json)


def _show(comparison: Comparison, path: Path, title: str, *, as_json: bool) -> None:
    """Print the table, write the report, and leave with exit code 1 where a run failed."""
    if not as_json:
        _print(comparison)
    page = comparison.to_html(path, title=title)
    if as_json:
        say_json(_as_values(comparison, page))
    else:
        console.print(f"Report: {page}", soft_wrap=True)
    if any(result.failed for result in comparison.results):
        raise typer.Exit(1)


def _as_values(comparison: Comparison, page: Path) -> dict[str, Any]:
    rows = [
        {"pair": pair, "objective": objective, "failed": comparison.why(pair, objective) or None}
        | {"metrics": {name: vars(summary) for name, summary in metrics.items()}}
        for (pair, objective), metrics in comparison.summaries.items()
    ]
    runs = comparison.frame.to_dict("records")
    return {"data": comparison.cells[0].data_id, "rows": rows, "runs": runs, "report": str(page)}


def _print(comparison: Comparison) -> None:
    from inference.tables import PrintedTable

    table = comparison.table()
    failed = table.pop("failed").to_dict() if "failed" in table else {}
    shown = Table("pair", "objective", *map(str, table.columns))
    for key, row in zip(table.index, table.itertuples(index=False), strict=True):
        shown.add_row(*key, *row)
    # In blocks of columns below each other where words would be cut.
    console.print(shown if fits(shown) else f"{PrintedTable(table)}\n")
    if any(cell.endswith(" *") for cell in table.to_numpy().ravel()):
        console.print("* better than each other row, by Welch's t-test over the seeds (5 %).")
    if any(cell.endswith("(*)") for cell in table.to_numpy().ravel()):
        console.print("(*) the same within its own pair.")
    for (pair, objective), why in failed.items():
        if why:
            console.print(f"{pair}, {objective} failed: {why}", soft_wrap=True)
    console.print(f"data: {comparison.cells[0].data_id}", soft_wrap=True)
