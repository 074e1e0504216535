"""Moment matching on MNIST, after Li et al. 2015: `python -m benchmarks.moment_matching`.

Two generators under the root of the maximum mean discrepancy, scored by the Parzen window that the
paper used: the mean log density of the grey test images under Gaussian windows around 10,000
samples, their width chosen on the validation images. That ranks models wrongly (Wu et al. 2017,
arXiv:1611.04273) and is here for comparison with the published figures alone.

    gmmn       compares images
    gmmn+ae    makes codes of an auto-encoder and compares these; the auto-encoder is a `vae`, its
               codes the guide's means, its images the decoder's

Every figure is kept in the run folder as soon as it is known, and a fit that was stopped goes on
where it was.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.finished import finished
from inference import ELBO, MMD, Run, fit, parzen_log_likelihood
from inference.figures.pictures import Picture
from ppl_models import create
from ppl_models.datasets import Dataset, load

HIDDEN = (64, 256, 256, 1024)
NOISE_DIM = 10
CODE_DIM = 10
SAMPLES = 10_000
BATCH = 500
IMAGE_BANDWIDTHS = tuple(variance**0.5 for variance in (2.0, 5.0, 10.0, 20.0, 40.0, 80.0))
CODE_BANDWIDTHS = (0.5, 1.0, 2.0, 4.0)  # codes have unit deviation


def generator(data: NDArray[np.float32], seed: int, output: str) -> Any:
    """The paper's generator: uniform noise through rectified layers."""
    return create(
        "mlp_generator",
        engine="numpyro",
        data_dim=data.shape[1],
        latent_dim=NOISE_DIM,
        hidden=HIDDEN,
        prior="uniform",
        likelihood="gaussian",
        output=output,
        data_mean=data.mean(0),
        seed=seed,
    )


def matched(pair: Any, data: Any, bandwidths: Any, steps: int, seed: int, out: Path) -> Run:
    """The generator under the root of the MMD."""
    return finished(
        fit(
            pair,
            data,
            objective=MMD(bandwidths=bandwidths, unbiased=False, sqrt=True, num_samples=BATCH),
            steps=steps,
            batch_size=BATCH,
            learning_rate=1e-3,
            schedule="cosine",
            seed=seed,
            out=out,
            resume=True,
        )
    )


def of_images(data: Dataset, steps: int, seed: int, runs: Path) -> tuple[NDArray[Any], float]:
    """Samples of the generator of images, clipped to greys, and seconds.

    Its last layer is linear: through a sigmoid it begins by making black and white, which has the
    data's variance, and stays there.
    """
    pair = generator(data.train, seed, "linear")
    run = matched(pair, data.train, IMAGE_BANDWIDTHS, steps, seed, runs / "gmmn")
    return np.clip(run.sample(SAMPLES, seed=seed), 0, 1), run.rows[-1]["seconds"]


def of_codes(
    data: Dataset, steps: int, epochs: int, seed: int, runs: Path
) -> tuple[NDArray[Any], float]:
    """Samples of the generator of codes, decoded, and seconds, the auto-encoder's among them."""
    black_and_white = load("mnist", binarisation="dynamic", seed=0)
    encoder = create(
        "vae",
        latent_dim=CODE_DIM,
        hidden=(1024,),
        activation="relu",
        data_mean=data.data_mean,
        seed=seed,
    )
    auto = finished(
        fit(
            encoder,
            black_and_white,
            objective=ELBO(),
            epochs=epochs,
            schedule="cosine",
            seed=seed,
            out=runs / "auto-encoder",
            resume=True,
        )
    )
    codes = np.concatenate([auto.latents(part)["z"] for part in np.array_split(data.train, 10)])
    centre, scale = codes.mean(0), codes.std(0)
    scaled = ((codes - centre) / scale).astype(np.float32)
    run = matched(
        generator(scaled, seed, "linear"), scaled, CODE_BANDWIDTHS, steps, seed, runs / "gmmn+ae"
    )
    drawn = (run.sample(SAMPLES, seed=seed) * scale + centre).astype(np.float32)
    images = np.concatenate([auto.decode(z=part) for part in np.array_split(drawn, 10)])
    return images, auto.rows[-1]["seconds"] + run.rows[-1]["seconds"]


def picture(images: NDArray[Any]) -> Picture:
    """The first 100 samples."""
    figure = Picture(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    sheet = images[:100].reshape(10, 10, 28, 28).swapaxes(1, 2).reshape(280, 280)
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=1)
    axes.axis("off")
    return figure


def main(
    only: Annotated[str | None, typer.Option(help="gmmn or gmmn+ae.")] = None,
    image_steps: Annotated[int, typer.Option(help="Of the generator of images.")] = 5_000,
    code_steps: Annotated[int, typer.Option(help="Of the generator of codes.")] = 5_000,
    epochs: Annotated[int, typer.Option(help="Of the auto-encoder.")] = 15,
    seed: int = 0,
    runs: Annotated[Path, typer.Option(help="The run folder.")] = Path("runs/moment_matching"),
) -> None:
    """Train what is asked for and not yet in the run folder; print a table, draw samples."""
    if only not in (None, "gmmn", "gmmn+ae"):
        raise typer.BadParameter(f"--only must be gmmn or gmmn+ae, got {only!r}.")
    data = load("mnist", binarisation=None)
    table = Table("", "Parzen log-likelihood", "bandwidth", "steps", "seconds to fit")
    for name in ("gmmn", "gmmn+ae") if only is None else (only,):
        steps = image_steps if name == "gmmn" else code_steps
        kept = runs / f"{name}-{steps}-{epochs}-seed{seed}.json"
        if not kept.exists():
            made = (
                of_images(data, steps, seed, runs)
                if name == "gmmn"
                else of_codes(data, steps, epochs, seed, runs)
            )
            images, seconds = made
            found = parzen_log_likelihood(images, data.valid, data.test)
            picture(images).savefig(runs / f"{name}.png", dpi=120)
            row = {
                "mean": found.mean,
                "error": found.standard_error,
                "bandwidth": found.bandwidth,
                "seconds": seconds,
            }
            kept.write_text(json.dumps(row))
        row = json.loads(kept.read_text())
        score = f"{row['mean']:.1f} ± {row['error']:.1f}"
        table.add_row(name, score, f"{row['bandwidth']:.3f}", f"{steps:,}", f"{row['seconds']:.0f}")
    Console().print(table)
    print(f"seed {seed}; {data.data_id('train')}, test {data.data_id('test')}; pictures in {runs}")


if __name__ == "__main__":
    typer.run(main)
