"""Modes that adversarial losses cover: `python -m benchmarks.mode_coverage`.

One generator for all rows (`mlp_generator`, two normal numbers through 128-128 ReLU to the plane)
learns the `ring` of 8 or the `grid` of 25 Gaussians. As in Srivastava et al. 2017
(arXiv:1705.07761) 2,500 draws are counted: those within 3 standard deviations of a centre are of
high quality, and a mode with one of them is covered. Stray draws do that too, so modes with 25 are
counted besides.

The rows differ in the objective alone: all have the same Adam and as many steps of the generator,
and the adversarial ones a critic of 128-128. Learning rate, size of the noise, clip and penalty
were chosen by seeds 10 and 11 of the ring, which are none of the five of the table. Minimax is
there twice: with as many steps of the critic as of the generator, and with the five that the hinge
and Wasserstein rows have, where it collapses.

Every piece is kept in the run folder as soon as it is known, with its draws, so the command can be
given again, for one piece (`--only minimax --data ring --seed 0`) or for all. Tables show what is
known by then, and pictures too: a column for each row, a line for each seed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import optax
import typer
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.finished import finished
from inference import MMD, Adversarial, fit, mode_coverage
from inference.objectives import describe_objective
from ppl_models import create
from ppl_models.datasets import grid, load, ring

SEEDS = (0, 1, 2, 3, 4)
MIXTURES = {"ring": ring, "grid": grid}
DRAWS = 2_500
FEW = DRAWS // 100  # more than strays alone leave in a mode
GENERATOR = {"data_dim": 2, "latent_dim": 2, "hidden": (128, 128), "activation": "relu"}
CRITIC = partial(Adversarial, hidden=(128, 128))
LEARNING_RATE, B1 = 4e-3, 0.5  # of Adam, for generator and critic

ROWS: dict[str, Any] = {
    "minimax": CRITIC(loss="minimax"),
    "minimax, 5 critic steps": CRITIC(loss="minimax", critic_steps=5),
    "non-saturating": CRITIC(loss="non-saturating"),
    "least-squares": CRITIC(loss="least-squares"),
    "hinge, spectral norm": CRITIC(loss="hinge", spectral_norm=True, critic_steps=5),
    "wasserstein, clip": CRITIC(loss="wasserstein", clip=0.1, critic_steps=5),
    "wasserstein, gradient penalty": CRITIC(
        loss="wasserstein", gradient_penalty=0.1, critic_steps=5
    ),
    "feature-matching": CRITIC(loss="feature-matching"),
    "non-saturating, minibatch": CRITIC(loss="non-saturating", minibatch_features=16),
    "mmd": MMD(bandwidths=(0.05, 0.1, 0.2, 0.5, 1.0, 2.0)),
}


@dataclass(frozen=True)
class Budget:
    """How long to train, and where everything is kept."""

    runs: Path
    steps: int
    batch: int


@dataclass(frozen=True)
class Piece:
    """One row on one data set with one seed.

    Attributes:
        per_mode: draws of high quality by mode.
        seconds: of the fit.
        draws: shape (DRAWS, 2).
    """

    per_mode: NDArray[np.int64]
    seconds: float
    draws: NDArray[np.float32]

    def covered(self, least: int = 1) -> int:
        """Modes that have at least so many draws."""
        return int((self.per_mode >= least).sum())

    @property
    def quality(self) -> float:
        """Per cent of the draws that are near a mode."""
        return 100 * float(self.per_mode.sum()) / DRAWS


def train(row: str, data: str, seed: int, budget: Budget) -> Piece:
    """Fit the generator, and count its draws."""
    objective, mixture = ROWS[row], MIXTURES[data]
    turns = len(objective.phases) or 1  # steps of `fit` for one of the generator
    pair = create("mlp_generator", engine="numpyro", likelihood="gaussian", seed=seed, **GENERATOR)
    run = finished(
        fit(
            pair,
            load(data, seed=seed).train,
            objective=objective,
            steps=budget.steps * turns,
            batch_size=budget.batch,
            learning_rate=LEARNING_RATE,
            optimizer=partial(optax.adam, b1=B1),
            schedule="cosine",
            seed=seed,
            progress=False,
        )
    )
    draws = run.sample(DRAWS, seed=seed)
    found = mode_coverage(draws, mixture.centres(), mixture.SCALE)
    return Piece(np.array(found.per_mode), float(run.history["seconds"].iloc[-1]), draws)


@dataclass(frozen=True)
class Kept:
    """Where a piece is kept, with the settings that it was made under.

    Attributes:
        row: one of `ROWS`.
        data: one of `MIXTURES`.
        seed: of data, weights, training and draws.
        budget: of training.
    """

    row: str
    data: str
    seed: int
    budget: Budget

    @property
    def path(self) -> Path:
        """The file."""
        row = self.row.replace(", ", "+").replace(" ", "-")
        return self.budget.runs / f"{self.data}-{row}-seed{self.seed}.json"

    @property
    def settings(self) -> dict[str, Any]:
        """All that the piece depends on, besides row, data and seed."""
        return {
            "generator": repr(GENERATOR),
            "objective": describe_objective(ROWS[self.row]),
            "learning_rate": LEARNING_RATE,
            "b1": B1,
            "steps": self.budget.steps,
            "batch": self.budget.batch,
        }

    def read(self) -> Piece | None:
        """The piece, if it is there and was made under these settings."""
        if not self.path.exists():
            return None
        known = json.loads(self.path.read_text())
        if known["settings"] != self.settings:
            return None
        draws = np.array(known["draws"], dtype=np.float32)
        return Piece(np.array(known["per_mode"]), known["seconds"], draws)

    def write(self, piece: Piece) -> None:
        """Keep it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        parts = {
            "settings": self.settings,
            "per_mode": piece.per_mode.tolist(),
            "seconds": piece.seconds,
            "draws": piece.draws.round(4).tolist(),
        }
        self.path.write_text(json.dumps(parts))
        print(
            f"{self.path.stem}: {piece.covered()} of {len(piece.per_mode)} modes, "
            f"{piece.quality:.1f} % of high quality, {piece.seconds:.0f} s",
            flush=True,
        )


Pieces = dict[str, dict[int, Piece]]
"""Row to seed to what is known."""


def kept_pieces(data: str, seeds: tuple[int, ...], budget: Budget) -> Pieces:
    """What the run folder has of one data set, in the order of `ROWS`."""
    pieces: Pieces = {}
    for row in ROWS:
        found = {seed: Kept(row, data, seed, budget).read() for seed in seeds}
        own = {seed: piece for seed, piece in found.items() if piece is not None}
        if own:
            pieces[row] = own
    return pieces


def paint(pieces: Pieces, data: str, seeds: tuple[int, ...], out: Path) -> None:
    """Draws of every piece over the centres, a column for each row and a line for each seed."""
    centres = MIXTURES[data].centres()
    edge = 1.3 * np.abs(centres).max()
    figure = Figure(figsize=(1.7 * len(pieces), 1.8 * len(seeds) + 0.3), layout="constrained")
    panels = figure.subplots(len(seeds), len(pieces), squeeze=False)
    for (row, own), column in zip(pieces.items(), panels.T, strict=True):
        for seed, axes in zip(seeds, column, strict=True):
            axes.set(xlim=(-edge, edge), ylim=(-edge, edge), xticks=[], yticks=[], aspect="equal")
            open_circles = {"facecolors": "none", "edgecolors": "tab:orange", "linewidths": 0.6}
            axes.scatter(*centres.T, s=60, **open_circles)
            text = "not run"
            if (piece := own.get(seed)) is not None:
                axes.scatter(*piece.draws.T, s=2, alpha=0.3, color="tab:blue", linewidths=0)
                text = f"{piece.covered()} of {len(centres)}, {piece.quality:.0f} %"
            axes.set_xlabel(text, fontsize=7)
        column[0].set_title(row.replace(", ", "\n"), fontsize=7)
    for seed, axes in zip(seeds, panels[:, 0], strict=True):
        axes.set_ylabel(f"seed {seed}", fontsize=7)
    figure.savefig(out, dpi=110)
    print(out)


def tabulated(pieces: Pieces, data: str, seeds: tuple[int, ...], steps: int) -> Table:
    """The pieces of one data set, a line for each row."""
    modes = len(MIXTURES[data].centres())
    table = Table(title=f"{data}: {modes} modes, {steps:,} steps of the generator")
    table.add_column("row", no_wrap=True)
    heads = ("modes by seed", f"with {FEW} draws", "all", "high quality, %", "seconds")
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for row, own in pieces.items():
        quality = np.array([piece.quality for piece in own.values()])
        spread = f" ± {quality.std(ddof=1):.1f}" if len(own) > 1 else ""
        counts = [
            " ".join(str(own[seed].covered(least)) if seed in own else "-" for seed in seeds)
            for least in (1, FEW)
        ]
        whole = sum(piece.covered() == modes for piece in own.values())
        seconds = np.mean([piece.seconds for piece in own.values()])
        cells = (f"{whole} of {len(own)}", f"{quality.mean():.1f}{spread}", f"{seconds:.0f}")
        table.add_row(row, *counts, *cells)
    return table


def main(
    only: Annotated[str | None, typer.Option(help=f"One row: {'; '.join(ROWS)}.")] = None,
    data: Annotated[str | None, typer.Option(help="ring or grid; both without it.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of data, weights and training.")] = None,
    runs: Annotated[Path, typer.Option(help="The run folder.")] = Path("runs/mode_coverage"),
    steps: Annotated[int, typer.Option(min=1, help="Of the generator.")] = 3_000,
    batch: Annotated[int, typer.Option(min=2, help="Rows of a minibatch.")] = 128,
) -> None:
    """Train what is asked for and not yet in the run folder; show all that is known."""
    for name, value, choices in (("--only", only, ROWS), ("--data", data, MIXTURES)):
        if value is not None and value not in choices:
            raise typer.BadParameter(f"{name} must be one of {'; '.join(choices)}, got {value!r}.")
    budget = Budget(runs, steps, batch)
    seeds = SEEDS if seed is None else (seed,)
    shown = SEEDS if set(seeds) <= set(SEEDS) else seeds  # a trial seed is shown by itself
    for mixture in MIXTURES if data is None else (data,):
        for row in ROWS if only is None else (only,):
            for each in seeds:
                kept = Kept(row, mixture, each, budget)
                if kept.read() is None:
                    kept.write(train(row, mixture, each, budget))
        pieces = kept_pieces(mixture, shown, budget)
        Console(width=120).print(tabulated(pieces, mixture, shown, steps))
        for each in shown:
            print(load(mixture, seed=each).data_id("train"))
        suffix = "" if shown == SEEDS else f"-seed{seed}"
        paint(pieces, mixture, shown, runs / f"{mixture}{suffix}.png")
    print(
        f"generator {GENERATOR}, batches of {batch}, Adam at {LEARNING_RATE:g} with b1 {B1:g}, "
        f"falling by the cosine, {DRAWS:,} draws, seeds {', '.join(map(str, shown))}"
    )
    for row in ROWS:
        print(f"{row}: {describe_objective(ROWS[row])}")


if __name__ == "__main__":
    typer.run(main)
