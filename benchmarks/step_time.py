"""Step time of `fit` as a ratio to a hand-written loop: `python -m benchmarks.step_time`.

Both sides train the same program (a VAE 784-H-H-50, or a belief net 784-H with binary units,
binarised in each step; a masked autoregressive flow of five steps on 43 real columns; a MADE and a
PixelCNN on bits; Adam) with the same estimator in one process, in turn, several times over; the
ratio is that of the medians.
`fit` is timed by its own history, from the first row to the last, so that everything that it does
between steps counts, and compilation does not; the hand-written side is warmed up likewise.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpyro
import numpyro.distributions as dist
import typer
from jax import Array
from rich.console import Console
from rich.table import Table

from benchmarks import hand_written_jax as by_hand
from benchmarks.finished import finished
from benchmarks.hand_written_torch import pixel_cnn_loop, vae_loop
from inference import ELBO, IWAE, STL, VIMCO, DReG, fit
from inference.objectives import Objective
from ppl_models import create

ROWS, WIDTH = 5_000, 784
COLUMNS, STEPS = 43, 5  # of the flow
BLOCKS = 7  # of PixelCNN, 3x3


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        engine: `"numpyro"` or `"pyro"`.
        objective: ours.
        gradient: the hand-written estimator of jax; torch's loops have their own.
        hidden: size of the hidden layers; channels of convolutions.
        batch_size: rows of a minibatch.
        limit: the goal for the ratio, if there is one.
        steps: how many are timed.
        model: `"vae"`, `"belief net"`, `"flow"`, `"made"` or `"pixel cnn"`.
    """

    engine: str
    objective: Objective
    gradient: by_hand.Gradient | None
    hidden: int
    batch_size: int
    limit: float | None
    steps: int
    model: str = "vae"

    @property
    def num_particles(self) -> int:
        """K of the objective."""
        return getattr(self.objective, "num_particles", 1)


CASES = [
    Case("numpyro", ELBO(), by_hand.elbo, 200, 100, 1.10, 600),
    Case("numpyro", IWAE(50), by_hand.iwae(50), 200, 20, 1.10, 200),
    Case("numpyro", DReG(50), by_hand.dreg(50), 200, 20, 1.15, 200),
    Case("numpyro", STL(), by_hand.stl, 200, 100, 1.15, 600),
    Case("numpyro", VIMCO(5), by_hand.vimco(5), 200, 20, 1.15, 600, "belief net"),
    Case("numpyro", ELBO(), by_hand.maf, 512, 100, 1.10, 300, "flow"),
    Case("numpyro", ELBO(), by_hand.made, 500, 100, 1.10, 600, "made"),
    Case("pyro", ELBO(), None, 200, 100, 1.60, 300),
    Case("pyro", ELBO(), None, 500, 128, 1.25, 200),
    Case("pyro", IWAE(50), None, 200, 20, None, 100),
    Case("pyro", ELBO(), None, 32, 50, 1.10, 20, "pixel cnn"),
]


def data(case: Case) -> Any:
    """Grey images to be binarised in each step, as dynamic MNIST is; no validation set.

    The flow's are real, of as many columns as MINIBOONE has, and those of MADE and PixelCNN are
    bits.
    """
    if case.model == "flow":
        real = np.random.default_rng(0).normal(size=(ROWS, COLUMNS)).astype(np.float32)
        return SimpleNamespace(train=real, valid=real[:0], dynamic=False)
    grey = np.random.default_rng(0).random((ROWS, WIDTH), dtype=np.float32)
    if case.model in ("made", "pixel cnn"):
        bits = (grey < 0.2).astype(np.float32)
        return SimpleNamespace(train=bits, valid=bits[:0], dynamic=False)
    return SimpleNamespace(train=grey, valid=grey[:0], dynamic=True)


def belief_net(hidden: int) -> tuple[Callable[..., None], Callable[..., None]]:
    """One layer of binary units as bare NumPyro functions, for the estimators made for them."""
    initial = by_hand.belief_net_parameters(WIDTH, hidden)

    def param(name: str) -> Any:
        return numpyro.param(name, initial[name])

    def model(x: Array) -> None:
        with numpyro.plate("data", len(x)):
            b = numpyro.sample("b", dist.Bernoulli(logits=param("prior")).to_event(1))
            logits = b @ param("weight") + param("bias")
            numpyro.sample("x", dist.Bernoulli(logits=logits).to_event(1), obs=x)

    def guide(x: Array) -> None:
        logits = x @ param("guide_weight") + param("guide_bias")
        with numpyro.plate("data", len(x)):
            numpyro.sample("b", dist.Bernoulli(logits=logits).to_event(1))

    return model, guide


def fit_seconds(case: Case, dataset: Any) -> float:
    """Seconds per step of `fit`, from the first row of its history to the last."""
    if case.model == "belief net":
        pair: Any = belief_net(case.hidden)
    elif case.model == "flow":
        pair = create(
            "flow", engine=case.engine, data_dim=COLUMNS, length=STEPS, hidden=(case.hidden,)
        )
    elif case.model == "made":
        pair = create("made", engine=case.engine, hidden=(case.hidden,))
    elif case.model == "pixel cnn":
        pair = create("pixel_cnn", engine=case.engine, channels=case.hidden, blocks=BLOCKS)
    else:
        hidden = (case.hidden,) * 2
        pair = create("vae", engine=case.engine, hidden=hidden, latent_dim=by_hand.LATENT)
    warm = max(100, ROWS // case.batch_size)  # the first row ends with the warm-up
    history = finished(
        fit(
            pair,
            dataset,
            objective=case.objective,
            steps=warm * 2 + case.steps,
            batch_size=case.batch_size,
            progress=False,
            engine=case.engine,
        )
    ).history
    first, last = history.iloc[0], history.iloc[-1]
    return float((last["seconds"] - first["seconds"]) / (last["step"] - first["step"]))


def timer(case: Case, dataset: Any) -> by_hand.Timer:
    """The hand-written loop of a case."""
    if case.model == "pixel cnn":
        return pixel_cnn_loop(
            dataset.train, channels=case.hidden, blocks=BLOCKS, batch_size=case.batch_size
        )
    if case.gradient is None:
        return vae_loop(
            dataset.train,
            hidden=case.hidden,
            batch_size=case.batch_size,
            num_particles=case.num_particles,
        )
    if case.model == "flow":
        params: Any = by_hand.maf_parameters(COLUMNS, case.hidden, STEPS)
    elif case.model == "made":
        params = by_hand.made_parameters(WIDTH, case.hidden)
    elif case.model == "belief net":
        params = by_hand.belief_net_parameters(WIDTH, case.hidden)
    else:
        params = by_hand.vae_parameters(WIDTH, case.hidden)
    return by_hand.loop(
        dataset.train,
        params,
        case.gradient,
        batch_size=case.batch_size,
        binarised=dataset.dynamic,
    )


def measure(case: Case, repeats: int) -> tuple[list[float], list[float]]:
    """Milliseconds per step of both sides, in turn."""
    dataset = data(case)
    hand_written = timer(case, dataset)
    hand_written(case.steps)
    ours, theirs = [], []
    for _ in range(repeats):
        theirs.append(1e3 * hand_written(case.steps) / case.steps)
        ours.append(1e3 * fit_seconds(case, dataset))
    return ours, theirs


def main(repeats: int = 5, model: str = "") -> None:
    """Measure every case, or those of one model, and print a table."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}"
    table = Table(title=f"Step time, ms (median of {repeats}); {machine}")
    for column in (
        "engine",
        "model",
        "objective",
        "hidden",
        "batch",
        "K",
        "by hand",
        "fit",
        "ratio",
        "goal",
    ):
        left = column in ("engine", "model", "objective")
        table.add_column(column, justify="left" if left else "right")
    for case in (case for case in CASES if model in ("", case.model)):
        ours, theirs = (float(np.median(side)) for side in measure(case, repeats))
        table.add_row(
            case.engine,
            case.model,
            type(case.objective).__name__,
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
