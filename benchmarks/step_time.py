"""Step time of `fit` as a ratio to a hand-written loop: `python -m benchmarks.step_time`.

Both sides train the same VAE (784-H-H-50, tanh, Bernoulli, binarised in each step, Adam) in one
process, in turn, several times over; the ratio is that of the medians. `fit` is timed by its own
history, from the first row to the last, so that everything that it does between steps counts, and
compilation does not; the hand-written side is warmed up likewise.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.hand_written import LATENT, jax_scan, torch_loop
from inference import ELBO, IWAE, fit
from ppl_models import create


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    engine: str
    hidden: int
    batch_size: int
    num_particles: int
    limit: float | None
    steps: int


CASES = [
    Case("numpyro", 200, 100, 1, 1.10, 600),
    Case("numpyro", 200, 20, 50, 1.10, 200),
    Case("pyro", 200, 100, 1, 1.60, 300),
    Case("pyro", 500, 128, 1, 1.25, 200),
    Case("pyro", 200, 20, 50, None, 100),
]
ROWS = 5_000


def data() -> Any:
    """Grey images to be binarised in each step, as dynamic MNIST is; no validation set."""
    grey = np.random.default_rng(0).random((ROWS, 784), dtype=np.float32)
    return SimpleNamespace(train=grey, valid=grey[:0], dynamic=True)


def fit_seconds(case: Case, dataset: Any) -> float:
    """Seconds per step of `fit`, from the first row of its history to the last."""
    pair = create("vae", engine=case.engine, hidden=(case.hidden,) * 2, latent_dim=LATENT)
    objective = ELBO() if case.num_particles == 1 else IWAE(case.num_particles)
    warm = max(100, ROWS // case.batch_size)  # the first row ends with the warm-up
    history = fit(
        pair,
        dataset,
        objective=objective,
        steps=warm * 2 + case.steps,
        batch_size=case.batch_size,
        progress=False,
    ).history
    first, last = history.iloc[0], history.iloc[-1]
    return float((last["seconds"] - first["seconds"]) / (last["step"] - first["step"]))


def measure(case: Case, repeats: int) -> tuple[list[float], list[float]]:
    """Milliseconds per step of both sides, in turn."""
    dataset = data()
    build = jax_scan if case.engine == "numpyro" else torch_loop
    by_hand = build(
        dataset.train,
        hidden=case.hidden,
        batch_size=case.batch_size,
        num_particles=case.num_particles,
    )
    by_hand(case.steps)
    ours, theirs = [], []
    for _ in range(repeats):
        theirs.append(1e3 * by_hand(case.steps) / case.steps)
        ours.append(1e3 * fit_seconds(case, dataset))
    return ours, theirs


def main(repeats: int = 5) -> None:
    """Measure every case and print a table."""
    table = Table(title=f"Step time, ms (median of {repeats}); {os.cpu_count()} cores, "
                  f"{platform.machine()}")  # fmt: skip
    for column in ("engine", "hidden", "batch", "K", "by hand", "fit", "ratio", "goal"):
        table.add_column(column, justify="left" if column == "engine" else "right")
    for case in CASES:
        ours, theirs = (float(np.median(side)) for side in measure(case, repeats))
        table.add_row(
            case.engine,
            str(case.hidden),
            str(case.batch_size),
            str(case.num_particles),
            f"{theirs:.2f}",
            f"{ours:.2f}",
            f"{ours / theirs:.2f}",
            "" if case.limit is None else f"{case.limit:.2f}",
        )
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
