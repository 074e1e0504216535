"""The `ppl-zoo` command: list and show models, train one, score a run, compare, certify.

Frameworks are imported inside the commands that need them, so that `list` and `show` are quick.
"""

from __future__ import annotations

import importlib.metadata
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from inference.cli_checking import check_command
from inference.cli_comparison import compare_command, demo, report_command
from inference.cli_scaffold import new
from inference.cli_text import (
    Commands,
    answering,
    check_data,
    console,
    data_options,
    data_settings,
    hyperparameters,
    known_words,
    load_data,
    parse_data_id,
    parse_settings,
    plain_warnings,
    print_facts,
    print_run,
    progress_bar,
    resume_command,
    second_argument,
    whole_numbers,
)
from inference.errors import ArgumentError
from ppl_models import create, info, list_models

if TYPE_CHECKING:
    from inference.training.run import Run

_DEFAULT_EPOCHS = 20
_INTERRUPTED = 130  # what a shell calls a command that ended with Ctrl-C
_RECONSTRUCTED = 12  # columns of the figure

_model = partial(typer.Option, rich_help_panel="Model")
_data = partial(typer.Option, rich_help_panel="Data")
_learning = partial(typer.Option, rich_help_panel="Learning")
_budget = partial(typer.Option, rich_help_panel="Budget: the first to be spent ends the run")
_folder = partial(typer.Option, rich_help_panel="Run")

app = typer.Typer(
    cls=Commands,
    help="Deep generative models in Pyro and NumPyro: list, train, score.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the `ppl-zoo` command."""
    app(prog_name="ppl-zoo")


app.command("compare")(compare_command)
app.command("report")(report_command)
app.command()(demo)
app.command()(new)
app.command("check")(check_command)


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        console.print(f"ppl-zoo {importlib.metadata.version('ppl-model-zoo')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("list")
def list_command(
    pattern: Annotated[str, typer.Argument(help="Shell pattern, such as '*vae*'.")] = "*",
    engine: Annotated[str | None, typer.Option(help="Only models on numpyro or pyro.")] = None,
) -> None:
    """List the models."""
    with answering(ValueError), plain_warnings():
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
    console.print(table)


@app.command()
def show(name: Annotated[str, typer.Argument(help="A model of `ppl-zoo list`.")]) -> None:
    """Show a model's card and its hyperparameters."""
    from rich.markdown import Markdown

    with answering(ValueError):
        card = info(name)
    latents = [f"{site} ({', '.join(map(str, shape))})" for site, shape in card.latents.items()]
    print_facts(
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
    console.print(Markdown(card.text))
    table = Table("hyperparameter", "default", "meaning")
    for key, parameter in hyperparameters(card, card.engines[0]).items():
        table.add_row(key, parameter.default, parameter.meaning)
    console.print(table)


@app.command()
def train(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A model of `ppl-zoo list`.")],
    *,
    engine: Annotated[
        str | None, _model(help="numpyro or pyro.", show_default="numpyro if the model has it")
    ] = None,
    settings: Annotated[
        list[str] | None,
        _model("--set", metavar="KEY=VALUE", help="latent_dim=20, hidden=200,200 ...; repeatable."),
    ] = None,
    bias_from_data: Annotated[
        bool, _model("--bias-from-data", help="Begin with a bias that gives the data's mean.")
    ] = False,
    data: Annotated[str, _data(help="Data set: digits, mnist ...")] = "digits",
    binarisation: Annotated[
        str | None,
        _data(help="dynamic, static, threshold or grey.", show_default="the data set's own"),
    ] = None,
    data_seed: Annotated[int | None, _data(min=0, help="Seed of the binarisation.")] = None,
    labels: Annotated[
        str | None,
        _data(help="Give the pair labels: all, or so many training rows', for example 100."),
    ] = None,
    label_seed: Annotated[int, _data(min=0, help="Seed of the choice of labels.")] = 0,
    quadrants: Annotated[
        int | None,
        _data(min=1, max=3, help="Give the pair so many quadrants and have it predict the others."),
    ] = None,
    objective: Annotated[str, _learning(help="For example iwae:num_particles=5.")] = "elbo",
    batch_size: Annotated[int, _learning(help="Rows of a minibatch.")] = 100,
    learning_rate: Annotated[
        float | None, _learning(help="Step size of Adam.", show_default="0.001")
    ] = None,
    schedule: Annotated[
        str | None, _learning(help="cosine: fall to 0 over the run.", show_default="constant")
    ] = None,
    clip_norm: Annotated[
        float | None, _learning(help="Largest norm of a minibatch's gradient.")
    ] = None,
    seed: Annotated[
        int, _learning(min=0, help="Seed of initial parameters, batch order and draws.")
    ] = 0,
    epochs: Annotated[
        int | None,
        _budget(help="Passes over the data.", show_default=f"{_DEFAULT_EPOCHS} without a budget"),
    ] = None,
    steps: Annotated[int | None, _budget(help="Gradient steps.")] = None,
    seconds: Annotated[float | None, _budget(help="Seconds, compilation included.")] = None,
    patience: Annotated[
        int | None, _budget(help="Reports (epochs of 100 steps or more) without a better bound.")
    ] = None,
    device: Annotated[
        str | None, _folder(help="cpu or cuda.", show_default="the engine's own")
    ] = None,
    out: Annotated[
        Path | None, _folder(help="Run folder.", show_default="runs/NAME-ENGINE")
    ] = None,
    resume: Annotated[
        bool, _folder("--resume", help="Go on with the run in --out, given the same options.")
    ] = False,
) -> None:
    """Train a model and keep the run in a folder; Ctrl-C ends it early and keeps what was done."""
    with answering(ValueError):
        card = info(name)
    if engine is None:
        engine = "numpyro" if "numpyro" in card.engines else card.engines[0]
    accepted = hyperparameters(card, engine)
    with answering():
        given = second_argument(labels, label_seed, quadrants)
    dataset = load_data(data, {**data_options(binarisation, data_seed), **given})
    offered: dict[str, Any] = {**data_settings(dataset), "seed": seed}
    with answering():
        chosen = parse_settings(settings or [], accepted)
        if bias_from_data and accepted and "data_mean" not in accepted:
            raise ArgumentError(f"{name!r} has no data_mean to set; leave --bias-from-data out.")
        if bias_from_data:
            offered["data_mean"] = dataset.data_mean
    fitting = {key: offered[key] for key in offered if key in accepted or not accepted}
    with answering(ValueError, TypeError, OverflowError, about={"seed": seed, **chosen}):
        pair = create(name, engine=engine, **{**fitting, **chosen})
    if epochs is None and steps is None and seconds is None:
        epochs = _DEFAULT_EPOCHS
        console.print(f"No --epochs, --steps or --seconds: training for {epochs} epochs.")
    from inference.training.fit import fit

    with answering(), plain_warnings():
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
            out=out or Path("runs", f"{name}-{engine}"),
            resume=resume,
        )
    print_run(run)
    if run.status == "interrupted" and run.folder is not None:
        console.print(f"Go on with: {resume_command(context, run.folder)}", soft_wrap=True)
        raise typer.Exit(_INTERRUPTED)


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    *,
    particles: Annotated[int, typer.Option(min=1, help="Draws from the guide per datum.")] = 1000,
    method: Annotated[
        Literal["iw", "exact", "ais"],
        typer.Option(help="Importance-weighted, the model's closed form, or annealed."),
    ] = "iw",
    chains: Annotated[int, typer.Option(min=1, help="Annealed chains per datum.")] = 16,
    temperatures: Annotated[
        int, typer.Option(min=1, help="Distributions from the prior to the posterior.")
    ] = 1000,
    noise_scale: Annotated[
        float | None,
        typer.Option(help="Score by Gaussian noise around the model's mean (annealed only)."),
    ] = None,
    first: Annotated[int | None, typer.Option(min=1, help="Score so many rows only.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Score each such row: 10 for each tenth.")] = 1,
    split: Annotated[Literal["train", "valid", "test"], typer.Option()] = "test",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
    figures: Annotated[
        Path | None,
        typer.Option(help="Folder for pictures of learning curve, samples, reconstructions."),
    ] = None,
) -> None:
    """Score a run by the log-likelihood of held-out data, in nats per datum."""
    from inference.training.folder import RunFolder

    with answering():
        recorded = str(RunFolder(run).read_spec().get("data", {}).get("id"))
        data, options = parse_data_id(recorded)
    dataset = load_data(data, options)
    with answering(OSError):
        check_data(dataset, recorded, split)
        if figures is not None:
            figures.mkdir(parents=True, exist_ok=True)
    from inference.evaluation.annealing import annealed_importance_sampling
    from inference.evaluation.likelihood import log_likelihood
    from inference.training.run import load_run

    with answering():
        if noise_scale is not None and method != "ais":
            raise ArgumentError(
                "--noise-scale is for --method ais only; leave it out, or add that."
            )
    arrays = dataset.arrays(split)
    x = tuple(array[::every][:first] for array in arrays)
    with answering(), plain_warnings():
        fitted = load_run(run)
        begun = time.perf_counter()
        if method == "ais":
            found = annealed_importance_sampling(
                fitted.pair,
                x,
                num_chains=chains,
                num_temperatures=temperatures,
                noise_scale=noise_scale,
                seed=seed,
            )
        else:
            found = log_likelihood(
                fitted.pair, x, num_particles=particles, method=method, seed=seed
            )
        spent = time.perf_counter() - begun
    print_facts(
        {
            "run": str(run),
            "engine": fitted.spec["pair"]["engine"],
            "data": str(dataset.data_id(split)),
            "rows": f"{len(x[0])} of {len(arrays[0])}",
            "method": found.method,
            "mean log-likelihood": f"{found.mean:.3f} nats per datum",
            "standard error": f"{found.standard_error:.3f}",
            "NLL": f"{-found.mean:.3f}",
            "seconds": f"{spent:.1f}",
        }
    )
    if figures is not None:
        with answering(OSError):
            _save_figures(fitted, x, figures, seed)


@app.command()
def certify(
    *,
    objective: Annotated[
        list[str] | None, typer.Option(help="A row of the table; repeatable.", show_default="all")
    ] = None,
    case: Annotated[
        list[str] | None, typer.Option(help="A kind of latent; repeatable.", show_default="all")
    ] = None,
    engine: Annotated[
        list[str] | None, typer.Option(help="pyro or numpyro; repeatable.", show_default="both")
    ] = None,
    particles: Annotated[
        str, typer.Option(help="Values of K, each on the largest batch.")
    ] = "1,2,5,20",
    rows: Annotated[
        str, typer.Option(help="Sizes of the batch; those below the largest with one K.")
    ] = "1,20",
    subsampled: Annotated[
        bool, typer.Option(help="A plate that takes 4 of 12 data, with one K.")
    ] = True,
    upstream: Annotated[bool, typer.Option(help="The libraries' own losses, too.")] = True,
    draws: Annotated[int, typer.Option(min=1000, help="Draws of the latents for each.")] = 20_000,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    out: Annotated[Path | None, typer.Option(help="CSV file for every entry.")] = None,
) -> None:
    """Compare every objective's mean gradient with an exact one, on every kind of latent."""
    from inference.certificate.cases import CASES
    from inference.certificate.certify import FAMILIES, LIMIT, as_frame, limit, settings
    from inference.certificate.certify import certify as measure
    from inference.certificate.tables import bias_table, deviations_table, upstream_table
    from inference.certificate.upstream import upstream_settings
    from inference.engines import ENGINES

    with answering():
        labels = known_words("--objective", objective, [family.label for family in FAMILIES])
        cases = known_words("--case", case, list(CASES))
        engines = known_words("--engine", engine, list(ENGINES))
        counts, sizes = whole_numbers("--particles", particles), whole_numbers("--rows", rows)
    ours = list(
        settings(
            labels=labels,
            cases=cases,
            engines=engines,
            particles=counts,
            rows=sizes,
            subsampled=subsampled,
        )
    )
    theirs = [
        setting
        for setting in (upstream_settings(max(5, min(counts))) if upstream else ())
        if setting.case in cases and setting.engine in engines
    ]
    chosen = [*ours, *theirs]
    with progress_bar("entries", len(chosen)) as bar:
        outcomes = measure(chosen, draws, workers=workers, report=bar)
    if out is not None:
        with answering(OSError):
            as_frame(chosen, outcomes).to_csv(out, index=False)
    entries = list(zip(chosen, outcomes, strict=True))
    own = entries[: len(ours)]
    comparisons = sum(outcome.z.size for _, outcome in own)
    allowed = limit(comparisons)
    console.print(
        f"Largest |z| of the mean gradient: K = {particles} on batches of {max(sizes)} rows, and "
        "one K on the other batches and plates. "
        f"{draws:,} draws or more each. One of {comparisons:,} comparisons may reach {allowed:.2f} "
        f"({LIMIT} after Bonferroni). "
        "-: refused by name.",
        deviations_table(own),
        "No estimators of the ELBO's gradient, by design: |E[g] - grad ELBO| / |grad ELBO| of the "
        "guide, E[g] exact.",
        bias_table(own),
        sep="\n",
    )
    if theirs:
        console.print(
            "The libraries' own losses on the same programs, K = "
            f"{theirs[0].num_particles}: largest |z|, and in brackets the relative error of the "
            "guide's mean gradient, noise included.",
            upstream_table(entries[len(ours) :]),
            sep="\n",
        )
    failed = [(s, o) for s, o in own if o.z.size and o.largest > allowed]
    if failed:
        console.print(f"FAILED: {len(failed)} beyond {LIMIT} after Bonferroni.")
        console.print(as_frame(*zip(*failed, strict=True)).to_string(index=False))
        raise typer.Exit(1)


def _save_figures(run: Run, x: tuple[Any, ...], folder: Path, seed: int) -> None:
    import numpy as np

    from inference.evaluation.figures import learning_curve, reconstructions, samples

    figures = {"learning_curve": learning_curve(run.rows)}
    if run.image_shape is None:
        console.print("The rows are no pictures: only the learning curve is drawn.")
    else:
        given = (np.resize(array, (48, *array.shape[1:])) for array in x[1:])
        figures["samples"] = samples(run, *given, rows=4, columns=12, seed=seed)
        head = (array[:_RECONSTRUCTED] for array in x)
        figures["reconstructions"] = reconstructions(run, *head, seed=seed)
    for name, figure in figures.items():
        path = folder / f"{name}.png"
        figure.savefig(path, dpi=150)
        console.print(str(path), soft_wrap=True)
