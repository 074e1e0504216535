"""Topics of a corpus whose topics are known: SVI of two guides, and collapsed Gibbs sampling.

    python -m benchmarks.topics

prints the tables of `ppl_models/cards/lda.md`: total variation of each topic from the nearest true
one (matched one to one); and, of the chorales of `load("jsb")` with each key counted over a piece,
the bound of test pieces given the topics' guide, beside that of one distribution of keys for all.
`--chorales` prints the second alone.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from scipy.stats import multinomial

from benchmarks.layers_of_counts import held_out
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


def chorales() -> None:
    """Print the table of the chorales."""
    data: Any = load("jsb")
    train, test = (getattr(data, split).sum(1) for split in ("train", "test"))
    often = train.sum(0).astype(np.float64) + 0.1
    known: Any = multinomial  # scipy's types are not those of its laws
    alike = known.logpmf(test.astype(int), test.sum(1).astype(int), often / often.sum())
    print("| topics | guide | seconds | nats per test piece |\n|---|---|---:|---:|")
    print(f"| 1, the keys of all pieces | | | {alike.mean():.1f} |")
    for topics, guide in ((5, "amortised"), (5, "structured"), (20, "structured")):
        start = time.perf_counter()
        settings: dict[str, Any] = {"data_dim": train.shape[1], "topics": topics, "guide": guide}
        pair = create("lda", engine="numpyro", data_size=len(train), **settings)
        run = fit(
            pair, train, objective=ELBO(), batch_size=50, steps=400, learning_rate=0.02, seed=0,
            progress=False,
        )  # fmt: skip
        mean, error = held_out(run.pair, test, "lda")
        seconds = f"{time.perf_counter() - start:.0f}"
        print(f"| {topics} | {guide} | {seconds} | {mean:.1f} +- {error:.1f} |", flush=True)


if __name__ == "__main__":
    if "--chorales" not in sys.argv[1:]:
        main()
    chorales()
