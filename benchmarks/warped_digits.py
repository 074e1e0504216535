"""Program of the row `cycle-warp-digits`: digits, and others turned by a right angle.

The maps of `cycle_gan` are affine warps of the image here, `ppl_models.networks.affine_warp`. Which
turn is the right one nobody says: fits begin at turns evenly around the circle, and that one is
kept whose translations the critics tell from data least, in the objective's own value at the end.
A fit that was stopped goes on where it was.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.adversaries import HALF, turned
from benchmarks.finished import finished
from benchmarks.semi_supervised import seconds
from inference import Run, Unpaired, fit
from inference.comparison.metric import Figure
from inference.objectives import CycleConsistent
from inference.published.reproduce import Measured
from ppl_models import create
from ppl_models.datasets import load
from ppl_models.networks.affine_warp_numpyro import AffineWarp

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
    domains = Unpaired(data.train[HALF:], turned(data.train[:HALF]))
    first = np.random.default_rng(seed).uniform(0, 360)
    runs = [
        _begun_at(
            first + 360 * place / starts,
            domains,
            out / f"warped-{weight}-{steps}-{starts}-seed{seed}-start{place}",
            seed=seed,
            steps=steps,
            weight=weight,
        )
        for place in range(starts)
    ]
    run = min(runs, key=told_apart)
    knows = LogisticRegression(max_iter=2_000).fit(turned(data.train), data.labels["train"])
    guess = knows.predict(run.latents(data.test)["y"])
    error = 100 * float((guess != data.labels["test"]).mean())
    return Measured({"classification_error": Figure(error)}, sum(map(seconds, runs)))


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
