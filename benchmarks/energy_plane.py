"""Train an energy network on a density of the plane that is known; its likelihood, and the truth.

python -m benchmarks.energy_plane --data rings --objective scorematching:kind=sliced
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from inference import fit, log_likelihood
from ppl_models import create
from ppl_models.datasets import load

_SIDE = 400  # points of the grid along each side, over which the density is summed


def main() -> None:
    """Print the log-likelihood by AIS and by a sum over a grid, and that of the truth."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="rings")
    parser.add_argument("--objective", default="scorematching:kind=sliced")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--step-size", type=float, default=0.1)
    given = parser.parse_args()
    data: Any = load(given.data)
    mean, scale = data.train.mean(0), float(data.train.std())
    pair = create(
        "energy_network",
        engine="numpyro",
        hidden=(128, 128),
        base_scale=2 * scale,
        step_size=given.step_size * scale,
        data_mean=mean,
    )
    begun = time.process_time()
    run = fit(
        pair,
        data.train,
        objective=given.objective,
        steps=given.steps,
        batch_size=200,
        learning_rate=given.rate,
        schedule="cosine",
        seed=0,
        progress=False,
    )
    seconds = time.process_time() - begun
    settings = {"method": "ais", "num_chains": 500, "num_temperatures": 2000}
    found = log_likelihood(run, data.test, **settings)
    side = np.linspace(-7 * scale, 7 * scale, _SIDE)
    grid = (np.stack(np.meshgrid(side, side), -1).reshape(-1, 2) + mean).astype(np.float32)
    on_grid = log_likelihood(run, grid, **settings).per_datum
    off = np.logaddexp.reduce(on_grid) + 2 * np.log(side[1] - side[0])
    truth = data.log_p(data.test).mean()
    print(f"{data.data_id('test')}, {given.objective}: {seconds:.0f} s of processor")
    print(f"AIS {found.mean:.3f}, grid {found.mean - off:.3f}, truth {truth:.3f} nats a point")


if __name__ == "__main__":
    main()
