"""Seconds of annealed importance sampling: `python -m benchmarks.annealing numpyro`.

784 columns, latent size 50, decoder 200-200; the weights are as drawn, which costs the same time as
others would.
"""

from __future__ import annotations

import time
from typing import Annotated

import numpy as np
import typer

from inference import annealed_importance_sampling
from ppl_models import create


def main(
    engine: str,
    rows: Annotated[int, typer.Option(help="Data.")] = 100,
    chains: Annotated[int, typer.Option(help="Chains per datum.")] = 16,
    temperatures: Annotated[int, typer.Option(help="Distributions on the way.")] = 1000,
) -> None:
    """Print the seconds, compilation and pilot run included."""
    x = (np.random.default_rng(0).random((rows, 784)) < 0.15).astype(np.float32)
    pair = create("vae", engine=engine)
    begun, work = time.perf_counter(), time.process_time()
    found = annealed_importance_sampling(
        pair, x, num_chains=chains, num_temperatures=temperatures, leapfrog_steps=10
    )
    spent, worked = time.perf_counter() - begun, time.process_time() - work
    print(f"{engine}, {rows} rows: {found}: {spent:.1f} s, {worked:.1f} s of processors' time")


if __name__ == "__main__":
    typer.run(main)
