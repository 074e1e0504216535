"""Exact maximum likelihood of bars and stripes: what hidden units and lateral weights are worth.

python -m benchmarks.bars_and_stripes
"""

from __future__ import annotations

import itertools
import math
import time

import numpy as np
from numpy.typing import NDArray

from inference import fit, log_likelihood
from ppl_models import create

SIDE, STEPS = 3, 5000


def patterns() -> NDArray[np.float32]:
    """All images of whole bars, or of whole stripes, once each, (2^(side + 1) - 2, side^2)."""
    lines = np.array(list(itertools.product((0.0, 1.0), repeat=SIDE)), np.float32)
    bars = np.repeat(lines[:, :, None], SIDE, 2).reshape(-1, SIDE**2)
    stripes = np.repeat(lines[:, None], SIDE, 1).reshape(-1, SIDE**2)
    return np.unique(np.concatenate([bars, stripes]), axis=0)


def main() -> None:
    """Print the exact log-likelihood of each machine after training, and its seconds."""
    rows = patterns()
    print(f"{len(rows)} patterns; the most there is: {-math.log(len(rows)):.3f}")
    cells: tuple[tuple[str, int], ...] = (
        ("boltzmann_machine", 0), ("rbm", 4), ("rbm", 9), ("boltzmann_machine", 4)
    )  # fmt: skip
    for model, hidden in cells:
        pair = create(
            model, engine="numpyro", data_dim=SIDE**2, hidden_dim=hidden, normaliser="exact", seed=0
        )
        begun = time.process_time()
        run = fit(pair, rows, steps=STEPS, batch_size=len(rows), learning_rate=0.02, progress=False)
        spent = time.process_time() - begun
        print(f"{model} 9-{hidden}: {log_likelihood(run, rows).mean:.3f} ({spent:.0f} s)")


if __name__ == "__main__":
    main()
