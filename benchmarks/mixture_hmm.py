"""SVI, expectation-maximisation and exact evidence at the same optimum, for mixtures and HMMs.

    python -m benchmarks.mixture_hmm

Synthetic data from known parameters. EM, in float64, finds the optimum; SVI starts from EM's result
with parameters moved away from it, and its evidence is then the model's own closed form.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.finished import finished
from inference import Enumerated, fit, log_likelihood
from ppl_models import create
from ppl_models.classical import hmm_em, mixture_em

STEPS = 500


def clusters(likelihood: str, rows: int = 2000) -> np.ndarray:
    """Three classes that lie far apart."""
    random = np.random.default_rng(0)
    z = random.choice(3, size=rows, p=[0.5, 0.3, 0.2])
    if likelihood == "bernoulli":
        means = np.array([[0.9] * 8 + [0.1] * 8, [0.1] * 8 + [0.9] * 8, [0.85] * 16])
        return (random.random((rows, 16)) < means[z]).astype(np.float32)
    means = np.array([[0.0, 0, 0], [5, 0, 2], [0, 6, -3]])
    return (means[z] + random.normal(size=(rows, 3))).astype(np.float32)


def sequences(emissions: str, rows: int = 300, length: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Two sticky states that emit very different things; lengths from 10 to 20."""
    random = np.random.default_rng(0)
    z = np.zeros((rows, length), dtype=int)
    z[:, 0] = random.random(rows) < 0.4
    for t in range(1, length):
        z[:, t] = np.where(random.random(rows) < 0.2, 1 - z[:, t - 1], z[:, t - 1])
    lengths = random.integers(length // 2, length + 1, rows)
    if emissions == "categorical":
        table = np.array([[0.7, 0.2, 0.1], [0.05, 0.15, 0.8]]).cumsum(-1)
        return (random.random((rows, length, 1)) > table[z]).sum(-1).astype(np.float32), lengths
    means = np.array([[0.0, 0.0], [3.0, -2.0]])
    return (means[z] + random.normal(size=(rows, length, 2))).astype(np.float32), lengths


def moved(best: Any) -> dict[str, Any]:
    """EM's parameters, each a third of the way to one that knows nothing."""
    start = dict(best.hyperparameters)
    for name in ("weights", "initial", "transition", "emission", "means"):
        if name in start:
            values = start[name]
            axis = 0 if name == "means" else -1
            start[name] = values + (values.mean(axis, keepdims=True) - values) / 3
    return start


def line(model: str, kind: str, engine: str, best: Any, batch: tuple, em_seconds: float) -> None:
    """Fit by SVI and print one row of the table."""
    pair = create(model, engine=engine, **moved(best))
    before = log_likelihood(pair, batch, 1, method="exact").mean
    began = time.perf_counter()
    run = finished(
        fit(
            pair,
            batch,
            objective=Enumerated() if model == "mixture" else "elbo",
            steps=STEPS,
            batch_size=len(batch[0]),
            learning_rate=0.1,
            schedule="cosine",
            progress=False,
        )
    )
    seconds = time.perf_counter() - began
    exact = log_likelihood(run.pair, batch, 1, method="exact").mean
    bound = -run.rows[-1]["loss"]
    print(
        f"| {model} | {kind} | {engine} | {best.log_likelihood:.5f} | {exact:.5f} | {bound:.5f} "
        f"| {before:.3f} | {em_seconds:.1f} | {seconds:.1f} |",
        flush=True,
    )


def main() -> None:
    """Print a table in Markdown."""
    print("| model | x | pair | EM | SVI, exact | SVI, bound | SVI's start | EM s | SVI s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for kind in ("gaussian", "bernoulli"):
        x = clusters(kind)
        began = time.perf_counter()
        mixture = mixture_em(x, 3, likelihood=kind)
        seconds = time.perf_counter() - began
        for engine in ("numpyro", "pyro"):
            line("mixture", kind, engine, mixture, (x,), seconds)
    for kind in ("categorical", "gaussian"):
        batch = sequences(kind)
        began = time.perf_counter()
        hmm = hmm_em(batch[0], 2, lengths=batch[1], emissions=kind, restarts=3)
        seconds = time.perf_counter() - began
        for engine in ("numpyro", "pyro"):
            line("hmm", kind, engine, hmm, batch, seconds)


if __name__ == "__main__":
    main()
