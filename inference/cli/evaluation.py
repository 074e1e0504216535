"""`ppl-zoo evaluate`: the log-likelihood of held-out data under a run, and its pictures."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from inference.cli.data import (
    check_data,
    data_file,
    data_of_run,
    first_is_rows,
    refuse_first,
)
from inference.cli.ending import interruptible
from inference.cli.no_likelihood import in_words, other_figures
from inference.cli.output import json_option, notes, say_json
from inference.cli.tables import print_facts
from inference.cli.text import answering, plain_warnings
from inference.errors import ArgumentError, ObjectiveError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from inference.likelihood.importance_sampling import Estimate
    from inference.training.run import Run

_RECONSTRUCTED = 12  # columns of the figure

some_particles = Annotated[
    int | None,
    typer.Option(min=1, help="Draws from the guide per datum.", show_default="1000"),
]
some_chains = Annotated[
    int | None, typer.Option(min=1, help="Annealed chains per datum.", show_default="16")
]
some_temperatures = Annotated[
    int | None,
    typer.Option(min=1, help="Distributions from the prior to the posterior.", show_default="1000"),
]


def evaluate(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    *,
    particles: some_particles = None,
    until: Annotated[
        float | None,
        typer.Option(help="Stop at this Monte Carlo error of the mean, nats; --particles at most."),
    ] = None,
    method: Annotated[
        Literal["iw", "exact", "ais", "raise"] | None,
        typer.Option(
            help="Importance-weighted, the model's closed form, or annealed; of a density known up "
            "to a constant annealed from above or, by raise, from below.",
            show_default="iw; ais for a density known up to a constant",
        ),
    ] = None,
    chains: some_chains = None,
    temperatures: some_temperatures = None,
    noise_scale: Annotated[
        float | None,
        typer.Option(help="Score by Gaussian noise around the model's mean (annealed only)."),
    ] = None,
    rows: Annotated[
        int | None, typer.Option(min=1, help="Score so many rows only, drawn by --rows-seed.")
    ] = None,
    rows_seed: Annotated[int, typer.Option(min=0, help="Seed of that draw.")] = 0,
    first: first_is_rows = None,
    every: Annotated[int, typer.Option(min=1, help="Score each such row: 10 for each tenth.")] = 1,
    data: data_file = None,
    split: Annotated[Literal["train", "valid", "test"], typer.Option()] = "test",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
    figures: Annotated[
        Path | None,
        typer.Option(help="Folder for pictures of learning curve, samples, reconstructions."),
    ] = None,
    as_json: json_option = False,
) -> None:
    """Score a run by the log-likelihood of held-out data, in nats per datum.

    Where a pair has none, what else can be said of it is printed, and why.
    """
    from inference.data.drawn_rows import drawn_rows, said_rows
    from inference.training.folder import RunFolder

    with answering():
        refuse_first(first)
        recorded = str(RunFolder(run).read_spec().get("data", {}).get("id"))
    dataset = data_of_run(recorded, data)
    with answering(OSError):
        check_data(dataset, recorded, split)
        if figures is not None:
            figures.mkdir(parents=True, exist_ok=True)
    from inference.training.loading import load_run

    with answering():
        if noise_scale is not None and method != "ais":
            raise ArgumentError(
                "--noise-scale is for --method ais only; leave it out, or add that."
            )
        if until is not None and method not in ("iw", None):
            raise ArgumentError("--until is for --method iw only; leave one of the two out.")
        arrays = dataset.arrays(split)
        thinned = tuple(array[::every] for array in arrays)
        x = drawn_rows(thinned, rows, seed=rows_seed)
    with answering(), plain_warnings(), interruptible(lambda: "No figure was kept."):
        fitted = load_run(run)
        begun = time.perf_counter()
        settings = {"num_chains": chains, "num_temperatures": temperatures}
        values, words, missing = _measured(
            fitted,
            x,
            method,
            settings,
            particles,
            noise_scale=noise_scale,
            until=until,
            seed=seed,
            grey=dataset.binarisation is None,
        )
        spent = time.perf_counter() - begun
    of_each = "" if every == 1 else f" (each {every}th of {len(arrays[0]):,})"
    facts = {
        "run": str(run),
        "engine": fitted.spec["pair"]["engine"],
        "data": str(dataset.data_id(split)),
        "rows": said_rows(rows, rows_seed, len(thinned[0])) + of_each,
    }
    if as_json:
        drawn = {"count": len(x[0]), "rows_seed": None if rows is None else rows_seed}
        say_json(facts | drawn | values | {"seconds": spent})
    else:
        print_facts(facts | words | {"seconds": f"{spent:.1f}"})
    if missing:
        notes(as_json).print(f"No log-likelihood: {missing}", soft_wrap=True)
    if figures is not None:
        with answering(OSError):
            _save_figures(fitted, x, figures, seed, notes(as_json))


def _measured(
    run: Run,
    x: tuple[Any, ...],
    method: Literal["iw", "exact", "ais", "raise"] | None,
    annealed: Mapping[str, int | None],
    particles: int | None,
    *,
    noise_scale: float | None,
    until: float | None,
    seed: int,
    grey: bool,
) -> tuple[dict[str, Any], dict[str, str], str]:
    """Figures as values and as words, and why the likelihood is not among them; empty if it is.

    Raises:
        ObjectiveError: if there is none, and an option asked for it in so many words.
    """
    rest = {"noise_scale": noise_scale, "until": until}
    try:
        found = _scored(run.pair, x, method, annealed, particles, seed=seed, **rest)
    except ObjectiveError as error:
        if any(option is not None for option in (method, *rest.values(), *annealed.values())):
            raise
        others = other_figures(run, x, particles=particles or 100, seed=seed)
        return {"mean": None, "why": str(error), "others": others}, in_words(others), str(error)
    dimensions, how = math.prod(x[0].shape[1:]), {"method": found.method}
    words = how | _in_words(found, dimensions, grey=grey)
    return how | _in_numbers(found, dimensions, grey=grey), words, ""


def _scored(
    pair: Any,
    x: tuple[Any, ...],
    method: Literal["iw", "exact", "ais", "raise"] | None,
    annealed: Mapping[str, int | None],
    particles: int | None,
    *,
    noise_scale: float | None,
    until: float | None,
    seed: int,
) -> Estimate:
    """The likelihood by a method, or by that which the pair's density takes.

    Raises:
        ArgumentError: naming an option that the method has no use for.
    """
    from inference.likelihood.annealing import annealed_importance_sampling
    from inference.likelihood.importance_sampling import log_likelihood
    from inference.likelihood.unnormalised import up_to_a_constant

    constant = up_to_a_constant(pair, x) if method in (None, "ais") else False
    method = method or ("ais" if constant else "iw")
    settings: Any = {name: value for name, value in annealed.items() if value is not None}
    if settings and method not in ("ais", "raise"):
        option = "--" + next(iter(settings)).removeprefix("num_")
        raise ArgumentError(
            f"{option} is for --method ais or raise, and this run is scored by {method}; leave it "
            "out, or add one of the two."
        )
    if particles is not None and (method == "exact" or (method == "ais" and not constant)):
        raise ArgumentError(
            f"--particles is for --method iw, and {method} draws none; leave one of the two out."
        )
    if method in ("ais", "raise"):
        settings = {"num_chains": 16, "num_temperatures": 1000} | settings
    if method == "ais" and not constant:
        return annealed_importance_sampling(pair, x, noise_scale=noise_scale, seed=seed, **settings)
    if noise_scale is not None:
        raise ArgumentError(
            "--noise-scale is for models without a likelihood, and this one has a density known up "
            "to a constant; leave it out."
        )
    count = 1000 if particles is None else particles
    return log_likelihood(pair, x, count, method=method, until=until, seed=seed, **settings)


def _in_words(found: Estimate, dimensions: int, *, grey: bool) -> dict[str, str]:
    """An estimate in nats; of grey levels, whose probability it is, in bits too."""
    bits = {"bits per dimension": f"{found.bits_per_dimension(dimensions):.3f}"} if grey else {}
    return {
        "mean log-likelihood": f"{found.mean:.3f} nats per datum",
        "standard error": f"{found.standard_error:.3f}",
        "NLL": f"{-found.mean:.3f}",
        **bits,
    }


def _in_numbers(found: Estimate, dimensions: int, *, grey: bool) -> dict[str, Any]:
    bits = {"bits_per_dimension": found.bits_per_dimension(dimensions)} if grey else {}
    figure = {"mean": found.mean, "standard_error": found.standard_error}
    return {**figure, "unit": "nats per datum", **bits}


def _save_figures(run: Run, x: tuple[Any, ...], folder: Path, seed: int, console: Console) -> None:
    import numpy as np

    from inference.figures.curves import learning_curve
    from inference.figures.pictures import reconstructions, samples

    figures = {"learning_curve": learning_curve(run)}
    if run.image_shape is None:
        console.print("The rows are no pictures: only the learning curve is drawn.")
    else:
        given = (np.resize(array, (48, *array.shape[1:])) for array in x[1:])
        figures["samples"] = samples(run, *given, rows=4, columns=12, seed=seed)
        head = [array[:_RECONSTRUCTED] for array in x]
        if run.latents(*head):
            figures["reconstructions"] = reconstructions(run, *head, seed=seed)
    for name, figure in figures.items():
        path = folder / f"{name}.png"
        figure.savefig(path, dpi=150)
        console.print(str(path), soft_wrap=True)
