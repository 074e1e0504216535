"""Program of the row `cycle-warp-digits`: digits, and others turned by a right angle.

The maps of `cycle_gan` are affine warps of the image here, of
`ppl_models.networks.images.affine_warp`. Which turn is the right one nobody says: fits begin at
turns evenly around the circle, and that one is kept whose translations the critics tell from data
least, in the objective's own value at the end.
A fit that was stopped goes on where it was.

python -m benchmarks.warped_digits   # where each fit of the row began and ended
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.adversaries import HALF, turned
from benchmarks.finished import finished
from benchmarks.semi_supervised import seconds
from inference import Run, Unpaired, fit
from inference.comparison.metric import Figure
from inference.objectives import CycleConsistent
from inference.published.reading import read_rows
from inference.published.reproduce import Measured
from ppl_models import create
from ppl_models.datasets import load
from ppl_models.networks.images.affine_warp_numpyro import AffineWarp

SHAPE = (8, 8)


def warped(seed: int, out: Path, *, steps: int, weight: float, starts: int) -> Measured:
    """Per cent of test digits whose label is another once they are turned by the learnt map.

    What a turned digit shows is said by a classifier that has seen turned digits with labels; no
    label is seen in training, nor where one of the fits is chosen.

    Args:
        seed: of the first turn, which is uniform, and of training.
        out: folder of the runs.
        steps: of critics and maps together, in each fit.
        weight: of the cycles.
        starts: how many fits, from turns 360 / starts degrees apart.
    """
    data = load("digits", binarisation=None)
    runs = list(begun_around(seed, out, steps=steps, weight=weight, starts=starts).values())
    chosen = min(runs, key=told_apart)
    wrong = error(data, chosen.latents(data.test)["y"])
    return Measured({"classification_error": Figure(wrong)}, sum(map(seconds, runs)))


def error(data: Any, translated: Any) -> float:
    """Per cent of test digits that are taken for others once they are translated.

    Args:
        data: the digits.
        translated: what a map makes of the test images.
    """
    knows = LogisticRegression(max_iter=2_000).fit(turned(data.train), data.labels["train"])
    return 100 * float((knows.predict(translated) != data.labels["test"]).mean())


def begun_around(
    seed: int, out: Path, *, steps: int, weight: float, starts: int
) -> dict[float, Run]:
    """Fits by the turn in degrees that each began with; the arguments are those of `warped`."""
    images = load("digits", binarisation=None).train
    domains = Unpaired(images[HALF:], turned(images[:HALF]))
    first = np.random.default_rng(seed).uniform(0, 360)
    found = {}
    for place in range(starts):
        angle = first + 360 * place / starts
        folder = out / f"warped-{weight}-{steps}-{starts}-seed{seed}-start{place}"
        found[angle] = _begun_at(angle, domains, folder, seed=seed, steps=steps, weight=weight)
    return found


def told_apart(run: Run) -> float:
    """The objective's value over the last quarter of a fit: small where critics tell little."""
    reports = run.history["loss"].to_numpy()
    return float(reports[-max(1, len(reports) // 4) :].mean())


def _begun_at(
    angle: float, domains: Unpaired, out: Path, *, seed: int, steps: int, weight: float
) -> Run:
    """A fit whose maps begin as a turn by so many degrees and the turn back."""
    pair = create(
        "cycle_gan",
        data_dim=64,
        other_dim=64,
        to_y=AffineWarp(SHAPE, angle=angle),
        to_x=AffineWarp(SHAPE, angle=-angle),
        seed=seed,
    )
    run = fit(
        pair,
        domains,
        objective=CycleConsistent(
            "non-saturating", cycle=weight, hidden=(128, 128), critic_learning_rate=1e-3
        ),
        seed=seed,
        steps=steps,
        batch_size=100,
        learning_rate=1e-2,
        optimizer="adam:b1=0.5",
        out=out,
        resume=True,
        progress=False,
    )
    return finished(run)


def main() -> None:
    """Print a line for each fit; those that are not kept in the folder of runs are made."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/published"))
    row, data = read_rows()["cycle-warp-digits"], load("digits", binarisation=None)
    out = parser.parse_args().out
    print(f"turned by the right angle itself: error {error(data, turned(data.test)):.1f} %")
    for seed in row.seeds:
        for angle, run in begun_around(seed, out, **row.training("short")["fit"]).items():
            (across, _), (down, _) = run.pair.get_weights()["to_y.matrix"]
            end = math.degrees(math.atan2(down, across))
            wrong = error(data, run.latents(data.test)["y"])
            print(
                f"seed {seed}: from {angle % 360:.0f} to {end % 360:.0f} degrees, "
                f"told apart {told_apart(run):.2f}, error {wrong:.1f} %",
                flush=True,
            )


if __name__ == "__main__":
    main()
