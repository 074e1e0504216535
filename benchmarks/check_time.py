"""Seconds that `check_pair` takes on each model of the zoo: `python -m benchmarks.check_time`.

Models have their default sizes, 784 pixels where they are of images. Each is checked in a process
of its own, on seven rows, since what an engine compiled for one model would help the next. The CPU
seconds count all threads.
"""

from __future__ import annotations

import os
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from inference import check_pair
from ppl_models import create, info, list_models

ROWS, CLASSES = 7, 10
SEQUENCES = {"deep_markov": (24, 16), "hmm": (16,)}  # the shape of a row; others have `data_dim`
SYMBOLS = 8
LENGTHS = ("deep_markov", "hmm")
CONDITIONAL = ("conditional_network", "conditional_vae")


@dataclass(frozen=True)
class Case:
    """A model, and what differs from its defaults."""

    model: str
    settings: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        words = (f"{key}={value}" for key, value in self.settings.items())
        return " ".join([self.model, *words])


VARIANTS = [
    Case("draw", {"attention": True}),
    Case("hmm", {"guide": "amortised"}),
    Case("sigmoid_belief", {"latent_dims": (200, 200, 200)}),
    Case("vae", {"latent": "mixed"}),
    Case("vae", {"flow": "iaf"}),
]


def cases() -> list[Case]:
    """Every model by itself, and the variants that have more to compile."""
    plain = [Case(m, {"classes": CLASSES} if m in CONDITIONAL else {}) for m in list_models()]
    return sorted([*plain, *VARIANTS], key=lambda case: case.model)


def batch(case: Case, pair: Any) -> tuple[NDArray[Any], ...]:
    """Rows that the pair can score."""
    random = np.random.default_rng(0)
    shape = (ROWS, *SEQUENCES.get(case.model, (getattr(pair, "data_dim", 0),)))
    x = random.integers(0, SYMBOLS if case.model == "hmm" else 2, shape).astype(np.float32)
    if case.model in LENGTHS:
        return x, random.integers(1, shape[1] + 1, ROWS)
    if case.model in CONDITIONAL:
        return x, random.integers(0, CLASSES, ROWS)
    if case.model == "semi_supervised_vae":
        return x, random.integers(-1, CLASSES, ROWS)
    return (x,)


def measure(case: Case, engine: str) -> tuple[float, float, int, int]:
    """Seconds on the clock, seconds of the CPU, checks that failed, checks that were made."""
    pair = create(case.model, engine=engine, **case.settings)
    rows = batch(case, pair)
    wall, cpu = time.perf_counter(), time.process_time()
    report = check_pair(pair, *rows)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return wall, cpu, len(report.failed), len(report.passed) + len(report.failed)


def main(
    only: Annotated[str, typer.Option(help="Models whose name has this.")] = "",
    engines: Annotated[str, typer.Option(help="Engines, with commas between.")] = "pyro,numpyro",
) -> None:
    machine = f"{os.cpu_count()} cores, {platform.machine()}"
    table = Table(title=f"check_pair on {ROWS} rows; {machine}")
    for column in ("model", "engine", "seconds", "CPU seconds", "failed", "made"):
        table.add_column(column, justify="left" if column in ("model", "engine") else "right")
    for case in cases():
        for engine in engines.split(","):
            if only not in case.model or engine not in info(case.model).engines:
                continue
            with ProcessPoolExecutor(1, get_context("spawn")) as alone:
                wall, cpu, failed, made = alone.submit(measure, case, engine).result()
            table.add_row(str(case), engine, f"{wall:.1f}", f"{cpu:.1f}", str(failed), str(made))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
