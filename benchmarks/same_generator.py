"""One generator, five objectives, one table: `python -m benchmarks.same_generator`.

The same `mlp_generator` on grey MNIST is trained as a VAE (`ELBO`, `IWAE`), by moment matching and
adversarially (non-saturating; Wasserstein with gradient penalty) by changing one argument. All get
as many steps of the generator; an adversarial one's critic has its own steps besides. Then the same
is asked of all:

    log p       of test images, by annealed importance sampling under Gaussian noise of 0.1 around
                the generator's images, nats; a lower bound on average
    gap         between the two bounds of bidirectional Monte Carlo, on images that the generator
                made: how far the lower bound may be off
    the rest    10,000 draws against the test images (`inference.sample_quality`), on features of
                the digit classifier that the package ships

Every figure is kept in the run folder as soon as it is known, and a fit that was stopped goes on
where it was, so the command can be given again, for one objective (`--only gan`) or for all.
"""

from __future__ import annotations

import functools
import json
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import optax
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.finished import finished
from inference import (
    ELBO,
    IWAE,
    MMD,
    Adversarial,
    DigitFeatures,
    Run,
    annealed_importance_sampling,
    bidirectional,
    fit,
    sample_quality,
)
from inference.figures.pictures import sample_rows
from inference.objectives import Objective
from ppl_models import create
from ppl_models.datasets import Dataset, load

NOISE = 0.1  # standard deviation of the observation model, in grey levels from 0 to 1
DRAWS = 10_000
CHAINS = 8  # of annealing, for each image
CRITIC = (256, 256)
OBJECTIVES: dict[str, Objective] = {
    "elbo": ELBO(),
    "iwae": IWAE(num_particles=5),
    "mmd": MMD(),
    # Without the noise it collapses onto one digit within a few thousand steps.
    "gan": Adversarial(hidden=CRITIC, instance_noise=0.3),
    "wgan-gp": Adversarial(
        loss="wasserstein", gradient_penalty=10.0, critic_steps=5, hidden=CRITIC
    ),
}


def trained(name: str, data: Dataset, steps: int, seed: int, runs: Path) -> Run:
    """The generator under one objective."""
    objective = OBJECTIVES[name]
    pair = create(
        "mlp_generator",
        engine="numpyro",
        latent_dim=50,
        hidden=(500, 500),
        activation="relu",
        likelihood="gaussian",
        output="sigmoid",
        noise_scale=NOISE,
        data_mean=data.data_mean,
        seed=seed,
    )
    return finished(
        fit(
            pair,
            data,
            objective=objective,
            steps=steps * max(1, len(objective.phases)),
            batch_size=200,
            learning_rate=3e-4,
            optimizer=functools.partial(optax.adam, b1=0.5),
            seed=seed,
            out=runs / name,
            resume=True,
        )
    )


def asked(run: Run, data: Dataset, images: int, temperatures: int, seed: int) -> dict[str, Any]:
    """What the table says about a generator."""
    settings: dict[str, Any] = {
        "num_chains": CHAINS,
        "num_temperatures": temperatures,
        "noise_scale": NOISE,
    }
    ais = annealed_importance_sampling(run.pair, data.test[:images], seed=seed, **settings)
    both = bidirectional(run.pair, images // 4, seed=seed, **settings)
    drawn = np.clip(run.sample(DRAWS, seed=seed), 0, 1)
    quality = sample_quality(data.test, drawn, DigitFeatures.load(), seed=seed)
    return {
        "log p": ais.mean,
        "log p error": ais.standard_error,
        "gap": both.gap,
        "gap error": both.standard_error,
        "seconds to fit": float(run.history["seconds"].iloc[-1]),
        **quality.as_dict(),
    }


def main(
    only: Annotated[str | None, typer.Option(help=f"One of {', '.join(OBJECTIVES)}.")] = None,
    steps: Annotated[int, typer.Option(help="Steps of the generator.")] = 4_000,
    images: Annotated[
        int, typer.Option(help="Test images for annealing; a quarter for bounds.")
    ] = 100,
    temperatures: Annotated[int, typer.Option(help="Of annealing.")] = 500,
    seed: int = 0,
    runs: Annotated[Path, typer.Option(help="The run folder.")] = Path("runs/same_generator"),
) -> None:
    """Train and ask what is not yet in the run folder; print a table, draw a row for each."""
    if only is not None and only not in OBJECTIVES:
        raise typer.BadParameter(f"--only must be one of {', '.join(OBJECTIVES)}, got {only!r}.")
    data = load("mnist", binarisation=None)
    asked_for = list(OBJECTIVES) if only is None else [only]
    rows, fitted = {}, {}
    for name in asked_for:
        begun = time.perf_counter()
        fitted[name] = trained(name, data, steps, seed, runs)
        kept = runs / f"{name}-{images}-{temperatures}.json"
        if not kept.exists():
            kept.write_text(json.dumps(asked(fitted[name], data, images, temperatures, seed)))
        rows[name] = json.loads(kept.read_text())
        print(f"{name}: {time.perf_counter() - begun:.0f} s in all", flush=True)
    table = Table(title=f"{steps:,} steps of the generator; log p with noise {NOISE}")
    table.add_column("")
    for name in rows:
        table.add_column(name, justify="right")
    alike = ("features", "real", "generated")  # what the quality was asked with, in all rows
    for key in (key for key in next(iter(rows.values())) if key not in alike):
        values = (row[key] for row in rows.values())
        table.add_row(key, *(f"{v:.4g}" if isinstance(v, float) else str(v) for v in values))
    Console(width=100).print(table)
    sample_rows(fitted).savefig(runs / "samples.png", dpi=120)
    print(f"seed {seed}; {data.data_id('train')}, test {data.data_id('test')}; {runs}/samples.png")


if __name__ == "__main__":
    typer.run(main)
