"""The `ppl-zoo` command: list and show models, train one, score a run.

Frameworks are imported inside the commands that need them, so that `list` and `show` are quick.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import shlex
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from inference.cli_arguments import (
    binarisation as as_binarisation,
)
from inference.cli_arguments import (
    hyperparameters,
    in_options,
    parse_data_id,
    parse_settings,
    resume_command,
)
from inference.errors import ArgumentError, ZooError
from ppl_models import create, info, list_models

if TYPE_CHECKING:
    from inference.training.run import Run
    from ppl_models.datasets import Dataset

_DEFAULT_EPOCHS = 20
_INTERRUPTED = 130  # what a shell calls a command that ended with Ctrl-C
_RECONSTRUCTED = 12  # columns of the figure

# Nothing that a user or a spec contains is read as markup or as the name of an emoji.
_out = Console(markup=False, emoji=False, highlight=False)
_err = Console(markup=False, emoji=False, highlight=False, stderr=True)


class _Commands(TyperGroup):
    """Says what typer refuses in the same way as what the library refuses."""

    def main(self, *args: Any, **settings: Any) -> Any:
        """Run a command and leave with its exit code."""
        settings["standalone_mode"] = False
        try:
            code = super().main(*args, **settings)
        except Exception as error:
            # Its classes have moved between releases; what they share is this method.
            if not hasattr(error, "format_message"):
                raise
            _complain(error.format_message())  # pyright: ignore[reportAttributeAccessIssue]
            code = 2
        sys.exit(code or 0)


app = typer.Typer(
    cls=_Commands,
    help="Deep generative models in Pyro and NumPyro: list, train, score.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the `ppl-zoo` command."""
    app(prog_name="ppl-zoo")


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context,
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.")
    ] = False,
) -> None:
    if version:
        _out.print(f"ppl-zoo {importlib.metadata.version('ppl-model-zoo')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("list")
def list_command(
    pattern: Annotated[
        str, typer.Argument(metavar="[PATTERN]", help="Shell pattern, such as '*vae*'.")
    ] = "*",
    engine: Annotated[
        str | None, typer.Option(help="Only models with a pair on it: numpyro or pyro.")
    ] = None,
) -> None:
    """List the models."""
    with _answering(ValueError):
        names = list_models(pattern, engine=engine)
        if not names:
            raise ArgumentError(
                f"no model matches PATTERN {pattern!r}; use * for any letters, as in '*vae*', or "
                "leave it out to see all models."
            )
    table = Table("name", "family", "engines", "title")
    for name in names:
        card = info(name)
        table.add_row(name, card.family, ", ".join(card.engines), card.title)
    _out.print(table)


@app.command()
def show(name: Annotated[str, typer.Argument(help="A model of `ppl-zoo list`.")]) -> None:
    """Show a model's card and its hyperparameters."""
    from rich.markdown import Markdown

    with _answering(ValueError):
        card = info(name)
    latents = [f"{site} ({', '.join(map(str, shape))})" for site, shape in card.latents.items()]
    _print_facts(
        {
            "name": card.name,
            "title": card.title,
            "family": card.family,
            "engines": ", ".join(card.engines),
            "reference": card.reference,
            "latents": ", ".join(latents) or "none",
            "exact evidence": "yes" if card.exact else "no",
        }
    )
    if card.text:
        _out.print()
        _out.print(Markdown(card.text))
    table = Table("hyperparameter", "default", "meaning", title="Set with --set NAME=VALUE")
    for key, parameter in hyperparameters(card, card.engines[0]).items():
        table.add_row(key, parameter.default, parameter.meaning)
    if table.row_count:
        _out.print()
        _out.print(table)


@app.command()
def train(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A model of `ppl-zoo list`.")],
    *,
    engine: Annotated[
        str | None,
        typer.Option(
            help="numpyro or pyro.",
            show_default="numpyro, where the model has it",
            rich_help_panel="Model",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A hyperparameter, as in latent_dim=20 or hidden=200,200; may be repeated.",
            rich_help_panel="Model",
        ),
    ] = None,
    bias_from_data: Annotated[
        bool,
        typer.Option(
            "--bias-from-data",
            help="Start from an output bias that reproduces the mean of the training data.",
            rich_help_panel="Model",
        ),
    ] = False,
    data: Annotated[
        str, typer.Option(help="Data set, such as digits or mnist.", rich_help_panel="Data")
    ] = "digits",
    binarisation: Annotated[
        str | None,
        typer.Option(
            help="dynamic, static, threshold, or grey for none.",
            show_default="the data set's own",
            rich_help_panel="Data",
        ),
    ] = None,
    data_seed: Annotated[
        int | None,
        typer.Option(
            help="Seed of the binarisation of valid and test.",
            show_default="0",
            rich_help_panel="Data",
        ),
    ] = None,
    objective: Annotated[
        str,
        typer.Option(help="Objective, as in iwae:num_particles=5.", rich_help_panel="Learning"),
    ] = "elbo",
    batch_size: Annotated[
        int, typer.Option(help="Rows of a minibatch.", rich_help_panel="Learning")
    ] = 100,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Step size of Adam.", show_default="0.001", rich_help_panel="Learning"),
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            help="cosine: let the learning rate fall to 0 over the run.",
            show_default="constant",
            rich_help_panel="Learning",
        ),
    ] = None,
    clip_norm: Annotated[
        float | None,
        typer.Option(
            help="Largest norm of a minibatch's gradient.",
            show_default="not clipped",
            rich_help_panel="Learning",
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            help="Seed of initial parameters, batch order and draws.", rich_help_panel="Learning"
        ),
    ] = 0,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Passes over the data; the first budget to be spent ends the run.",
            show_default=f"{_DEFAULT_EPOCHS}, without any budget",
            rich_help_panel="Budget",
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Gradient steps.", rich_help_panel="Budget")
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(help="Seconds, compilation included.", rich_help_panel="Budget"),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            help="Stop after so many reports (an epoch, or at least 100 steps) without a better "
            "validation bound, and keep the best parameters.",
            rich_help_panel="Budget",
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="cpu or cuda.", show_default="the engine's own", rich_help_panel="Run"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Run folder.", show_default="runs/NAME-ENGINE", rich_help_panel="Run"),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the run in --out; give the other options again.",
            rich_help_panel="Run",
        ),
    ] = False,
) -> None:
    """Train a model and keep the run in a folder. Ctrl-C ends it early and keeps what was done."""
    with _answering(ValueError):
        card = info(name)
    if engine is None:
        engine = "numpyro" if "numpyro" in card.engines else card.engines[0]
    options: dict[str, Any] = {} if data_seed is None else {"seed": data_seed}
    if binarisation is not None:
        options["binarisation"] = as_binarisation(binarisation)
    if epochs is None and steps is None and seconds is None:
        epochs = _DEFAULT_EPOCHS
        _out.print(f"No --epochs, --steps or --seconds: training for {epochs} epochs.")
    with _answering():
        accepted = hyperparameters(card, engine) if engine in card.engines else {}
        chosen = parse_settings(settings or [], accepted)
        if bias_from_data and accepted and "data_mean" not in accepted:
            raise ArgumentError(
                f"--bias-from-data needs a model with the hyperparameter data_mean, which {name!r} "
                "does not have; leave it out."
            )
    dataset = _load(data, options)
    defaults: dict[str, Any] = {"data_dim": dataset.train.shape[1], "seed": seed}
    if bias_from_data:
        defaults["data_mean"] = dataset.data_mean
    with _answering(ValueError, TypeError):
        pair = create(name, engine=engine, **{**defaults, **chosen})
    from inference.training.fit import fit

    with _answering(), _plain_warnings():
        run = fit(
            pair,
            dataset,
            objective=objective,
            epochs=epochs,
            steps=steps,
            seconds=seconds,
            batch_size=batch_size,
            learning_rate=learning_rate,
            schedule=schedule,
            clip_norm=clip_norm,
            patience=patience,
            seed=seed,
            device=device,
            out=Path("runs", f"{name}-{engine}") if out is None else out,
            resume=resume,
        )
    _report(run)
    if run.status == "interrupted" and run.folder is not None:
        _print_command("Go on with", resume_command(context, run.folder))
        raise typer.Exit(_INTERRUPTED)


def _report(run: Run) -> None:
    last = run.rows[-1] if run.rows else {}
    valid = last.get("valid_bound")
    _print_facts(
        {
            "engine": run.spec["pair"]["engine"],
            "objective": run.spec["objective"],
            "steps": str(run.step),
            "training bound": f"{-last['loss']:.3f} nats per datum" if last else "none yet",
            "validation bound": "none" if valid is None else f"{valid:.3f} nats per datum",
            "seconds": f"{last['seconds']:.1f}" if last else "0",
            "status": run.status,
            "folder": str(run.folder),
        }
    )
    _print_command("Score it with", shlex.join(["ppl-zoo", "evaluate", str(run.folder)]))


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    *,
    particles: Annotated[
        int, typer.Option(help="Draws per datum of the importance-weighted estimate.")
    ] = 1000,
    method: Annotated[
        Literal["iw", "exact"],
        typer.Option(help="iw: importance-weighted; exact: the model's closed form."),
    ] = "iw",
    first: Annotated[
        int | None, typer.Option(help="Score so many rows only.", show_default="all rows")
    ] = None,
    split: Annotated[str, typer.Option(help="train, valid or test.")] = "test",
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
    figures: Annotated[
        Path | None,
        typer.Option(
            help="Folder for learning_curve.png, samples.png and reconstructions.png.",
            show_default="none are made",
        ),
    ] = None,
) -> None:
    """Score a run: the log-likelihood of held-out data, in nats per datum."""
    from inference.training.folder import RunFolder

    with _answering():
        recorded = str(RunFolder(run).read_spec().get("data", {}).get("id"))
        data, options = parse_data_id(recorded)
    dataset = _load(data, options)
    with _answering(ValueError, OSError):
        _check_data(dataset, recorded, split, first)
        if figures is not None:
            figures.mkdir(parents=True, exist_ok=True)
    from inference.evaluation.likelihood import log_likelihood
    from inference.training.run import load_run

    x = getattr(dataset, split)[:first]
    with _answering(), _plain_warnings():
        fitted = load_run(run)
        begun = time.perf_counter()
        estimate = log_likelihood(fitted.pair, x, num_particles=particles, method=method, seed=seed)
        spent = time.perf_counter() - begun
    _print_facts(
        {
            "run": str(run),
            "engine": fitted.spec["pair"]["engine"],
            "data": str(dataset.data_id(split)),
            "rows": f"{len(x)} of {len(getattr(dataset, split))}",
            "method": estimate.method,
            "log-likelihood": f"{estimate.mean:.3f} nats per datum",
            "standard error": f"{estimate.standard_error:.3f}",
            "NLL": f"{-estimate.mean:.3f}",
            "seconds": f"{spent:.1f}",
        }
    )
    if figures is not None:
        with _answering(OSError):
            _save_figures(fitted, x, figures, seed)


def _check_data(dataset: Dataset, recorded: str, split: str, first: int | None) -> None:
    """Refuse other data than the run's, and rows that cannot be scored."""
    found = str(dataset.data_id("train"))
    if found != recorded:
        raise ArgumentError(
            f"the run was trained on {recorded}, but the data on this machine is {found}; point "
            "PPL_DATA at the files that the run was trained on."
        )
    dataset.data_id(split)
    if split == "train" and dataset.dynamic:
        raise ArgumentError(
            "--split train holds grey values here, since they are binarised afresh in each step; "
            "score --split valid or --split test."
        )
    if first is not None and first < 1:
        raise ArgumentError(f"--first must be a whole number of at least 1, got {first}.")


def _save_figures(run: Run, x: Any, folder: Path, seed: int) -> None:
    from inference.evaluation.figures import learning_curve, reconstructions, samples

    for name, figure in {
        "learning_curve": learning_curve(run.rows),
        "samples": samples(run, seed=seed),
        "reconstructions": reconstructions(run, x[:_RECONSTRUCTED], seed=seed),
    }.items():
        path = folder / f"{name}.png"
        figure.savefig(path, dpi=150)
        _out.print(str(path), soft_wrap=True)


def _load(name: str, options: dict[str, Any]) -> Dataset:
    from ppl_models.datasets import load

    with _answering(ValueError, TypeError, OSError):
        return load(name, **options)


def _complain(message: str) -> None:
    _err.print(Text.assemble(("error: ", "bold red"), in_options(message)), soft_wrap=True)


@contextlib.contextmanager
def _answering(*kinds: type[Exception]) -> Iterator[None]:
    """Turn what the library refuses, and errors of these kinds, into a sentence and exit code 2."""
    try:
        yield
    except (ZooError, *kinds) as error:
        _complain(str(error))
        raise typer.Exit(2) from error


@contextlib.contextmanager
def _plain_warnings() -> Iterator[None]:
    """Show warnings as a line without the place in the source that they come from."""

    def show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
        text = Text.assemble(("warning: ", "bold yellow"), in_options(str(message)))
        _err.print(text, soft_wrap=True)

    with warnings.catch_warnings():
        warnings.showwarning = show_warning
        yield


def _print_facts(facts: Mapping[str, str]) -> None:
    table = Table(show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, fact in facts.items():
        table.add_row(name, fact)
    _out.print(table)


def _print_command(purpose: str, command: str) -> None:
    _out.print(f"{purpose}: {command}", soft_wrap=True)
