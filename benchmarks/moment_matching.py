"""Moment matching of codes on MNIST, after Li et al. 2015: the program of the row `gmmn-ae-mnist`.

A generator under the root of the maximum mean discrepancy makes codes of an auto-encoder, a `vae`
whose codes are the guide's means and whose images the decoder's. (The row `gmmn-mnist` compares
images, by one fit and without a program.) It is scored by the Parzen window that the paper used:
the mean log density of the grey test images under Gaussian windows around 10,000 samples, their
width chosen on the validation images. That ranks models wrongly (Wu et al. 2017, arXiv:1611.04273)
and is here for comparison with the published figures alone. A fit that was stopped goes on where it
was.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.finished import finished
from inference import ELBO, MMD, Run, fit, parzen_log_likelihood
from inference.comparison.metric import Figure
from inference.published.reproduce import Measured
from ppl_models import create
from ppl_models.datasets import Dataset, load

HIDDEN = (64, 256, 256, 1024)
NOISE_DIM = 10
CODE_DIM = 10
SAMPLES = 10_000
BATCH = 500
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


def reproduced(seed: int, out: Path, *, code_steps: int, epochs: int) -> Measured:
    """The Parzen window's log-likelihood of 10,000 decoded samples, as the row asks for it.

    Args:
        seed: of both fits and the samples.
        out: folder of the runs.
        code_steps: of the generator of codes.
        epochs: of the auto-encoder.
    """
    data = load("mnist", binarisation=None)
    images, seconds = of_codes(data, code_steps, epochs, seed, out / f"moment_matching-seed{seed}")
    found = parzen_log_likelihood(images, data.valid, data.test)
    return Measured({"parzen": Figure(found.mean, found.standard_error)}, seconds)
