"""`ppl-zoo compare`, `ppl-zoo report` and `ppl-zoo demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from inference.cli.data import check_data, first_is_rows, load_data, parse_data_id, refuse_first
from inference.cli.pairs import pair_maker
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
) -> None:
    """Train pairs under objectives on equal terms; a table, and a report as one HTML file.

    Given again it goes on where it was stopped.
    """
    if example:
        console.print(EXAMPLE, end="")
        return
    with answering():
        if spec is None:
            raise ArgumentError("name a TOML file; `ppl-zoo compare --example` prints one.")
        asked = read_spec(spec)
    given = {"out": out, "workers": workers, "executor": executor}
    _compare(asked, report, {"out": f"runs/{spec.stem}"}, given)


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the runs and the report.")] = Path(
        "runs/demo"
    ),
    epochs: Annotated[
        int, typer.Option(min=1, help="Passes over the 1,297 training images.")
    ] = 150,
) -> None:
    """Compare a belief net and VAEs on handwritten digits, each under three objectives."""
    _compare(_DEMO, None, {}, {"out": out, "budget": {"epochs": epochs}})


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
    first: first_is_rows = None,
    out: Annotated[Path, typer.Option(help="The HTML file.")] = Path("report.html"),
) -> None:
    """Ask the same of runs that are there already, and write a report."""
    from inference.comparison.gather import gather
    from inference.training.folder import RunFolder

    with answering():
        refuse_first(first)
        recorded = str(RunFolder(runs[0]).read_spec().get("data", {}).get("id"))
        name, options = parse_data_id(recorded)
    data = load_data(name, options)
    with answering(), plain_warnings():
        check_data(data, recorded, "test")
        asked: dict[str, Any] = {"metrics": metric} if metric else {}
        _show(gather(runs, data, rows=rows, rows_seed=rows_seed, **asked), out, "Runs")


def _compare(spec: Spec, report: Path | None, usual: dict[str, Any], given: dict[str, Any]) -> None:
    from inference.comparison.compare import compare

    name, options = spec.data
    data = load_data(name, options)
    arguments = {**usual, **spec.arguments}
    arguments |= {key: value for key, value in given.items() if value is not None}
    with answering(ValueError, TypeError), plain_warnings():
        pairs = {
            label: pair_maker(f"pairs.{label}", *entry, data) for label, entry in spec.pairs.items()
        }
        comparison = compare(pairs, spec.objectives, data, **arguments)
        _show(comparison, report or Path(arguments["out"], "report.html"), spec.title)


def _show(comparison: Comparison, path: Path, title: str) -> None:
    """Print the table and write the report."""
    table = comparison.table()
    failed = table.pop("failed").to_dict() if "failed" in table else {}
    shown = Table("pair", "objective", *map(str, table.columns))
    for key, row in zip(table.index, table.itertuples(index=False), strict=True):
        shown.add_row(*key, *row)
    console.print(shown)
    if any(cell.endswith("*") for cell in table.to_numpy().ravel()):
        console.print("* better than each other row, by Welch's t-test over the seeds (5 %).")
    for (pair, objective), why in failed.items():
        if why:
            console.print(f"{pair}, {objective} failed: {why}", soft_wrap=True)
    console.print(f"data: {comparison.cells[0].data_id}", soft_wrap=True)
    console.print(f"Report: {comparison.to_html(path, title=title)}", soft_wrap=True)
