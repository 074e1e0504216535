"""Topics of a corpus whose topics are known: SVI of two guides, and collapsed Gibbs sampling.

    python -m benchmarks.topics

prints the table of `ppl_models/cards/lda.md`: total variation of each topic from the nearest true
one (matched one to one), and the bound of test documents given the topics' guide.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from inference import ELBO, fit
from ppl_models import create
from ppl_models.classical import label_order, lda_gibbs
from ppl_models.datasets import bars, load

GUIDES = (("amortised", 0.02, 3000), ("structured", 0.01, 1500))


def main() -> None:
    """Print the table."""
    data, true = load("bars"), bars.topics()
    print("| method | setting | seconds | mean total variation | largest |")
    print("|---|---|---:|---:|---:|")

    def row(method: str, setting: str, start: float, topics: Any) -> None:
        apart = 0.5 * abs(topics[label_order(topics, true)] - true).sum(1)
        seconds = time.perf_counter() - start
        words = f"{seconds:.0f} | {apart.mean():.3f} | {apart.max():.3f} |"
        print(f"| {method} | {setting} | {words}", flush=True)

    for guide, rate, steps in GUIDES:
        start = time.perf_counter()
        pair = create("lda", engine="numpyro", guide=guide, data_size=len(data.train))
        run = fit(
            pair, data.train, objective=ELBO(), batch_size=100, steps=steps, learning_rate=rate,
            seed=0, progress=False,
        )  # fmt: skip
        found = np.exp(run.pair.get_weights()["log_concentrations"])
        setting = f"{steps} steps of 100 documents, Adam {rate}"
        row(f"SVI, {guide}", setting, start, found / found.sum(1, keepdims=True))
    start = time.perf_counter()
    row("Gibbs", "60 sweeps, the last 20", start, lda_gibbs(data.train, 10, sweeps=60, kept=20))


if __name__ == "__main__":
    main()
