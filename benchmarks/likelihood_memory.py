"""Peak memory of `log_likelihood` against K: `python -m benchmarks.likelihood_memory numpyro`.

One process per engine, because the peak of a process never falls.
"""

from __future__ import annotations

import resource

import numpy as np
import typer

from inference import log_likelihood
from ppl_models import create


def main(engine: str, rows: int = 20) -> None:
    """Print the process's peak after scoring with more and more particles, in MiB (Linux)."""
    x = (np.random.default_rng(0).random((rows, 784)) < 0.3).astype(np.float32)
    pair = create("vae", engine=engine)
    for num_particles in (1_000, 10_000, 100_000):
        log_likelihood(pair, x, num_particles)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{engine}, {rows} rows, K={num_particles}: peak {peak} MiB")


if __name__ == "__main__":
    typer.run(main)
