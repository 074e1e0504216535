"""The grid of 25 Gaussians under remedies of mode collapse: modes covered, and what it takes.

python -m benchmarks.grid_coverage wgan-gp --seeds 0 1 2 3 4
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from inference import fit, mode_coverage
from inference.objectives import Adversarial
from ppl_models import create
from ppl_models.datasets import load
from ppl_models.datasets.grid import SCALE, centres

SIZES = (128, 128)
REMEDIES: dict[str, tuple[int, float, dict[str, Any]]] = {
    "wgan-gp": (
        60_000,
        2e-3,
        {"loss": "wasserstein", "gradient_penalty": 0.1, "critic_steps": 5},
    ),
    "spectral-norm": (36_000, 2e-3, {"loss": "hinge", "spectral_norm": True, "critic_steps": 5}),
    "unrolled": (16_000, 1e-3, {"unrolled": 3, "unrolled_rate": 0.02}),
}
"""Steps of both sides together, the learning rate, and settings."""


def row(remedy: str, seed: int) -> str:
    """Modes covered by 2,500 draws of one run, and its time."""
    steps, rate, settings = REMEDIES[remedy]
    data, began = load("grid", seed=seed), time.perf_counter()
    pair = create(
        "mlp_generator",
        engine="numpyro",
        data_dim=2,
        latent_dim=2,
        hidden=SIZES,
        likelihood="gaussian",
        seed=seed,
    )
    run = fit(
        pair,
        data.train,
        objective=Adversarial(hidden=SIZES, **settings),
        steps=steps,
        batch_size=128,
        learning_rate=rate,
        optimizer="adam:b1=0.5",
        schedule="cosine",
        seed=seed,
        progress=False,
    )
    some, many = (
        mode_coverage(run.sample(2500, seed=1), centres(), SCALE, least=n) for n in (1, 25)
    )
    return (
        f"{remedy} seed {seed}: {some.covered} modes with a draw, {many.covered} with 25, "
        f"{some.high_quality:.1%} near a mode, {time.perf_counter() - began:.0f} s"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("remedy", choices=list(REMEDIES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    given = parser.parse_args()
    for number in given.seeds:
        print(row(given.remedy, number), flush=True)
