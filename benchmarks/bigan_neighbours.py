"""What a BiGAN's guide knows of the digits: `python -m benchmarks.bigan_neighbours`.

Accuracy on the test images of the nearest training image's class, in the guide's latent space:

    random      the guide as it was created
    bigan       trained by a joint critic alone (`Adversarial(joint=True)`), which sees no label
    elbo        the same guide and generator as a VAE, for comparison
    pixels      in the space of the images, which no encoder of 8 numbers is expected to reach
"""

from __future__ import annotations

import functools
from typing import Annotated, Any

import numpy as np
import optax
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.neighbors import KNeighborsClassifier

from benchmarks.finished import finished
from inference import ELBO, Adversarial, fit
from ppl_models import create
from ppl_models.datasets import Dataset, load

OBJECTIVES = {
    "random": None,
    "bigan": Adversarial(joint=True, hidden=(256, 256), smooth_real=0.1),
    "elbo": ELBO(),
}


def accuracy(data: Dataset, codes: dict[str, NDArray[Any]]) -> float:
    """Of the nearest neighbour, in per cent."""
    labels = data.labels
    assert labels is not None
    nearest = KNeighborsClassifier(1).fit(codes["train"], labels["train"])
    return 100 * float(nearest.score(codes["test"], labels["test"]))


def codes_of(name: str, data: Dataset, steps: int, seed: int) -> dict[str, NDArray[Any]]:
    """The guide's means of training and test images."""
    pair = create(
        "mlp_generator",
        engine="numpyro",
        data_dim=64,
        latent_dim=8,
        hidden=(256, 256),
        activation="leaky-relu",
        likelihood="gaussian",
        output="sigmoid",
        noise_scale=0.1,
        seed=seed,
    )
    objective = OBJECTIVES[name]
    run = finished(
        fit(
            pair,
            data.train,
            objective=ELBO() if objective is None else objective,
            steps=1 if objective is None else steps,
            learning_rate=1e-12 if objective is None else 2e-4,  # one step that moves nothing
            optimizer=functools.partial(optax.adam, b1=0.5),
            seed=seed,
            progress=False,
        )
    )
    return {split: run.latents(getattr(data, split))["z"] for split in ("train", "test")}


def main(
    steps: Annotated[int, typer.Option(help="Of critic and generator together.")] = 6_000,
    seeds: Annotated[int, typer.Option(help="How many.")] = 3,
) -> None:
    """Train, and print the accuracies by seed."""
    data = load("digits", binarisation=None)
    table = Table(title=f"1-nearest-neighbour accuracy in per cent, 8 latents, {steps:,} steps")
    table.add_column("codes")
    table.add_column("by seed", justify="right")
    table.add_column("mean", justify="right")
    for name in OBJECTIVES:
        found = [accuracy(data, codes_of(name, data, steps, seed)) for seed in range(seeds)]
        table.add_row(name, "  ".join(f"{a:.1f}" for a in found), f"{np.mean(found):.1f}")
    table.add_row("pixels", "", f"{accuracy(data, {'train': data.train, 'test': data.test}):.1f}")
    Console().print(table)
    print(f"{data.data_id('train')}, test {data.data_id('test')}")


if __name__ == "__main__":
    typer.run(main)
