"""Few labels on MNIST, after Kingma et al. 2014: the program of the rows `labels-*`.

50,000 training images, of which 10 or 100 of each class keep their label; the error is that on
the 10,000 test images. Rows, each trained on the same labels:

    knn, logistic            scikit-learn on the labelled pixels
    m1+knn, m1+logistic      the same on features: the latents of a VAE of all images (M1)
    m2                       `semi_supervised_vae` on pixels
    m1+m2                    `semi_supervised_vae` on M1's features

Every piece is kept in the run folder as soon as it is known, and a fit that was stopped goes on
where it was, so that `ppl-zoo reproduce` can be given again. M1 is trained once. Images are grey
where they are only looked at: by scikit-learn, by M1's encoder for features, and by M2's classifier
in the test.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jax import random
from numpy.typing import NDArray
from numpyro import handlers
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from benchmarks.finished import finished
from inference import Enumerated, Run, classify, fit
from inference.comparison.metric import Figure
from inference.published.reproduce import Measured
from ppl_models import create
from ppl_models.datasets import labelled, load

ACTIVE = 0.1  # least variance of a latent's posterior mean over the data; an idle latent has less
ACTIVATION = "elu"  # of M2; M1 has a choice
RATE = 3e-3  # of M2, at first
DRAWS = 10  # of each image's features, for training and for testing
LABELLED = 1 / 3  # of the training rows, by repetition


@dataclass(frozen=True)
class Budget:
    """How long to train, on how much, and where everything is kept."""

    runs: Path
    m1_activation: str = "elu"
    m1_latents: int = 15
    m1_epochs: int = 60
    feature_steps: int = 60_000
    feature_batch: int = 100
    feature_hidden: int = 200
    pixel_steps: int = 20_000
    pixel_batch: int = 50
    pixel_latents: int = 3
    feature_alpha: float = 0.1
    pixel_alpha: float = 20.0
    images: int = 50_000


@dataclass(frozen=True)
class Rows:
    """A training set for `fit`, without validation; `y` may be empty."""

    train: NDArray[np.float32]
    labels: NDArray[np.int64] | None
    dynamic: bool

    @property
    def valid(self) -> NDArray[np.float32]:
        """No rows."""
        return self.train[:0]

    @property
    def y(self) -> dict[str, NDArray[np.int64]]:
        """The labels by split."""
        return {} if self.labels is None else {"train": self.labels, "valid": self.labels[:0]}


@dataclass(frozen=True)
class Task:
    """Grey images and few labels."""

    train: NDArray[np.float32]
    y: NDArray[np.int64]  # -1 where it is missing
    test: NDArray[np.float32]
    truth: NDArray[np.int64]
    seed: int

    @classmethod
    def load(cls, count: int, seed: int, images: int) -> Task:
        """So many labels, equally many of each class, and all other images without."""
        data = labelled(load("mnist", binarisation=None), count, label_seed=seed)
        rows = np.argsort(data.y["train"] < 0, kind="stable")[:images]  # labelled rows first
        return cls(data.train[rows], data.y["train"][rows], data.test, data.labels["test"], seed)

    @property
    def few(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The labelled images and their labels."""
        known = self.y >= 0
        return self.train[known], self.y[known]

    @property
    def repeats(self) -> int:
        """How often the labelled rows have to come beside all images, to be `LABELLED` of all."""
        return max(1, round(len(self.y) * LABELLED / (1 - LABELLED) / len(self.few[0])))

    def mixed(self, repeats: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """All images without their labels, then the labelled ones so many times over."""
        x, y = self.few
        rows = np.concatenate([self.train, np.tile(x, (repeats, 1))])
        return rows, np.concatenate([np.full(len(self.train), -1), np.tile(y, repeats)])

    def error(self, guess: NDArray[Any]) -> float:
        """Per cent of the test images."""
        return 100 * float((guess != self.truth).mean())


class Features:
    """M1: the active latents of a VAE, standardised."""

    def __init__(self, budget: Budget) -> None:
        grey = load(
            "mnist", binarisation="dynamic", seed=0
        )  # of which training makes black and white
        images = grey.train[: budget.images]
        vae = create(
            "vae",
            hidden=(500, 500),
            latent_dim=budget.m1_latents,
            activation=budget.m1_activation,
            data_mean=grey.data_mean,
        )
        self.run = finished(
            fit(
                vae,
                Rows(images, None, dynamic=True),
                epochs=budget.m1_epochs,
                schedule="cosine",
                out=budget.runs / f"m1-{budget.m1_activation}-{budget.m1_latents}",
                resume=True,
            )
        )
        mean, scale = self._posterior(images)
        self.active = np.flatnonzero(mean.var(0) > ACTIVE)
        self.centre, self.spread = mean.mean(0), np.sqrt(mean.var(0) + (scale**2).mean(0))

    def _posterior(self, x: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Mean and standard deviation of every latent, each (N, latents)."""
        guide = handlers.seed(self.run.pair.guide, random.PRNGKey(0))
        posterior = handlers.trace(guide).get_trace(x)["z"]["fn"]
        return np.asarray(posterior.mean), np.sqrt(posterior.variance)

    def standardised(self, x: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Mean and standard deviation of the features, each (N, active)."""
        mean, scale = self._posterior(x)
        return tuple(
            part[:, self.active] / self.spread[self.active] for part in (mean - self.centre, scale)
        )

    def draws(self, x: NDArray[np.float32], count: int, seed: int) -> list[NDArray[np.float32]]:
        """Draws of the features, each (N, active)."""
        noise, (mean, scale) = np.random.default_rng(seed), self.standardised(x)
        draws = (mean + scale * noise.normal(size=mean.shape) for _ in range(count))
        return [draw.astype(np.float32) for draw in draws]


def neighbours(x: NDArray[Any], y: NDArray[Any], test: NDArray[Any]) -> NDArray[Any]:
    return KNeighborsClassifier(n_neighbors=1).fit(x, y).predict(test)


def logistic(x: NDArray[Any], y: NDArray[Any], test: NDArray[Any]) -> NDArray[Any]:
    return LogisticRegression(max_iter=2_000).fit(x, y).predict(test)


def by_scikit(guess: Any, work: Task, features: Features | None) -> tuple[float, float]:
    """Error and seconds of a classifier that sees the labelled rows alone."""
    (x, y), test = work.few, work.test
    if features is not None:
        x, test = features.standardised(x)[0], features.standardised(test)[0]
    start = time.perf_counter()
    return work.error(guess(x, y, test)), time.perf_counter() - start


def by_m2_on_pixels(work: Task, budget: Budget, out: Path) -> tuple[float, float]:
    """Error and seconds of M2 on pixels, made black and white afresh in each step."""
    pair = create(
        "semi_supervised_vae",
        latent_dim=budget.pixel_latents,
        hidden=(500,),
        activation=ACTIVATION,
        alpha=budget.pixel_alpha,
        data_mean=work.train.mean(0),
        seed=work.seed,
    )
    rows = Rows(*work.mixed(work.repeats), dynamic=True)
    run = trained(pair, rows, budget.pixel_steps, budget.pixel_batch, work.seed, out)
    return work.error(classify(run.pair, work.test).argmax(1)), seconds(run)


def by_m2_on_features(
    work: Task, features: Features, budget: Budget, out: Path
) -> tuple[float, float]:
    """Error and seconds of M2 on draws of M1's features; the test averages over draws."""
    x, y = work.few
    copies = DRAWS * work.repeats
    drawn = [*features.draws(work.train, DRAWS, work.seed), *features.draws(x, copies, work.seed)]
    pair = create(
        "semi_supervised_vae",
        data_dim=len(features.active),
        latent_dim=10,
        hidden=(budget.feature_hidden,),
        activation=ACTIVATION,
        likelihood="gaussian",
        alpha=budget.feature_alpha,
        seed=work.seed,
    )
    rows = Rows(
        np.concatenate(drawn),
        np.concatenate([np.full(DRAWS * len(work.train), -1), np.tile(y, copies)]),
        dynamic=False,
    )
    run = trained(pair, rows, budget.feature_steps, budget.feature_batch, work.seed, out)
    seen = features.draws(work.test, DRAWS, work.seed)
    chances = sum(classify(run.pair, each) for each in seen)
    return work.error(np.asarray(chances).argmax(1)), seconds(run)


def trained(pair: Any, rows: Rows, steps: int, batch: int, seed: int, out: Path) -> Run:
    """M2 under the exact sum over the classes."""
    return finished(
        fit(
            pair,
            rows,
            objective=Enumerated(),
            steps=steps,
            batch_size=batch,
            learning_rate=RATE,
            schedule="cosine",
            seed=seed,
            out=out,
            resume=True,
        )
    )


def seconds(run: Run) -> float:
    """How long a fit took, all its parts together."""
    return float(run.history["seconds"].iloc[-1])


def measured(row: str, count: int, seed: int, budget: Budget) -> tuple[float, float]:
    """Test error in per cent and seconds of one piece, from the run folder if it is there."""
    m1 = f"-{budget.m1_activation}-{budget.m1_latents}" if row.startswith("m1") else ""
    name = f"{row}{m1}-labels{count}-seed{seed}"
    kept = budget.runs / f"{name}.json"
    settings = {key: str(value) for key, value in vars(budget).items() if key != "runs"}
    if kept.exists():
        result = json.loads(kept.read_text())
        if result["settings"] == settings:
            return result["error"], result["seconds"]
    work = Task.load(count, seed, budget.images)
    features = Features(budget) if row.startswith("m1") else None
    out = budget.runs / name
    if row == "m2":
        error, spent = by_m2_on_pixels(work, budget, out)
    elif row == "m1+m2":
        assert features is not None
        error, spent = by_m2_on_features(work, features, budget, out)
    else:
        guess = neighbours if row.endswith("knn") else logistic
        error, spent = by_scikit(guess, work, features)
    result = {"error": error, "seconds": spent, "settings": settings}
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(result))
    print(f"{name}: {error:.2f} % in {spent:.0f} s", flush=True)
    return error, spent


def reproduced(seed: int, out: Path, *, row: str, labels: int, **budget: Any) -> Measured:
    """One piece, as a row of `benchmarks/published` asks for it; M1 is trained once for all.

    Args:
        seed: of the labels and of training.
        out: folder of the runs.
        row: one of those above.
        labels: how many rows keep theirs.
        **budget: fields of `Budget`.
    """
    settings = Budget(runs=out / "semi_supervised", **budget)
    error, spent = measured(row, labels, seed, settings)
    return Measured({"classification_error": Figure(error)}, spent)
