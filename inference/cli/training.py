"""`ppl-zoo train`: fit a model of the zoo to a data set and keep the run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from inference.cli.data import (
    data_options,
    data_settings,
    fitting,
    load_data,
    own_options,
    second_argument,
)
from inference.cli.ending import INTERRUPTED, interruptible
from inference.cli.names import data_names, model_name, objective_names
from inference.cli.output import json_option, notes
from inference.cli.runs import say_run
from inference.cli.settings import hyperparameters, parse_settings
from inference.cli.text import answering, known_words, plain_warnings, resume_command
from inference.errors import ArgumentError
from ppl_models import create, info, list_models

_DEFAULT_EPOCHS = 20

_model = partial(typer.Option, rich_help_panel="Model")
_data = partial(typer.Option, rich_help_panel="Data")
_learning = partial(typer.Option, rich_help_panel="Learning")
_budget = partial(typer.Option, rich_help_panel="Budget: the first to be spent ends the run")
_folder = partial(typer.Option, rich_help_panel="Run")


def _usual(engines: Sequence[str]) -> str:
    """The engine that is taken where none is named."""
    return "numpyro" if "numpyro" in engines else engines[0]


def train(
    context: typer.Context,
    name: model_name,
    *,
    engine: Annotated[
        str | None, _model(help="numpyro or pyro.", show_default="numpyro if the model has it")
    ] = None,
    settings: Annotated[
        list[str] | None,
        _model("--set", metavar="KEY=VALUE", help="latent_dim=20, hidden=200,200 ...; repeatable."),
    ] = None,
    pretrained: Annotated[
        str | None,
        _model(metavar="WEIGHTS", help="Begin with weights that `ppl-zoo show NAME` lists."),
    ] = None,
    bias_from_data: Annotated[
        bool, _model("--bias-from-data", help="Begin with a bias that gives the data's mean.")
    ] = False,
    data: Annotated[
        str,
        _data(
            help="Data set: digits, mnist ...; or a file .npz, .csv or .parquet.",
            autocompletion=data_names,
        ),
    ] = "digits",
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
    data_option: Annotated[
        list[str] | None,
        _data(metavar="KEY=VALUE", help="What else the data set takes: fold=3 ...; repeatable."),
    ] = None,
    objective: Annotated[
        str,
        _learning(help="For example iwae:num_particles=5.", autocompletion=objective_names),
    ] = "elbo",
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
    average_decay: Annotated[
        float | None, _learning(help="Keep running averages of the parameters: 0.999 ...")
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
    as_json: json_option = False,
) -> None:
    """Train a model and keep the run in a folder; Ctrl-C ends it early and keeps what was done."""
    with answering(ValueError):
        card = info(name)
        list_models(engine=engine)  # says which engine of that name there is
        (engine,) = known_words("--engine", [engine or _usual(card.engines)], card.engines)
    accepted = hyperparameters(card, engine)
    with answering():
        given = second_argument(labels, label_seed, quadrants) | own_options(data_option or [])
    dataset = load_data(data, {**data_options(binarisation, data_seed), **given})
    offered: dict[str, Any] = {**data_settings(dataset, batch_size), "seed": seed}
    with answering():
        chosen = parse_settings(settings or [], accepted)
        if bias_from_data and accepted and "data_mean" not in accepted:
            raise ArgumentError(f"{name!r} has no data_mean to set; leave --bias-from-data out.")
        if bias_from_data:
            offered["data_mean"] = dataset.data_mean
    usual = fitting(offered, accepted, inherited=not accepted)
    failures = (ValueError, TypeError, OverflowError, OSError)
    with answering(*failures, about=None if pretrained else {"seed": seed, **chosen}):
        pair = create(name, engine=engine, pretrained=pretrained, **{**usual, **chosen})
    if epochs is None and steps is None and seconds is None:
        epochs = _DEFAULT_EPOCHS
        notes(as_json).print(f"No --epochs, --steps or --seconds: training for {epochs} epochs.")
    from inference.training.fit import fit

    where = out or Path("runs", f"{name}-{engine}")
    with answering(), plain_warnings(), interruptible(lambda: _kept(context, where)):
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
            average_decay=average_decay,
            patience=patience,
            seed=seed,
            device=device,
            out=where,
            resume=resume,
        )
    say_run(run, as_json=as_json)
    if run.status == "interrupted" and run.folder is not None:
        notes(as_json).print(f"Go on with: {resume_command(context, run.folder)}", soft_wrap=True)
        raise typer.Exit(INTERRUPTED)


def _kept(context: typer.Context, folder: Path) -> str:
    """What an end leaves of a command that trains, and how to go on."""
    if not (folder / "spec.json").exists():
        return "Nothing of this command was kept."
    return f"What was done is kept. Go on with: {resume_command(context, folder)}"
