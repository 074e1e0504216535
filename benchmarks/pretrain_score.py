"""How good shipped weights are: one number with its standard error, by the recipe's estimator."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference import DigitFeatures, classify, kernel_distance, log_likelihood
from inference.engines import load_engine
from ppl_models.datasets import Dataset


@dataclass(frozen=True)
class Score:
    """One number about weights.

    Attributes:
        value: the number.
        standard_error: over data, or for distances over blocks of samples.
        unit: what it is, and which way is better.
        estimator: how it was found.
    """

    value: float
    standard_error: float
    unit: str
    estimator: str

    def is_near(self, other: Score) -> bool:
        """Whether another score of the same rows moves by too little to matter.

        0.01 nat, or a tenth of the standard error of what is not in nats.
        """
        most = 0.01 if self.unit.startswith("nats") else self.standard_error / 10
        return abs(self.value - other.value) < most


@dataclass(frozen=True)
class Rows:
    """Some rows of a split: what the pair takes, and their classes where there are any."""

    arrays: tuple[NDArray[Any], ...]
    labels: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, data: Dataset, count: int) -> Rows:
        """The first rows of the test split."""
        labels = data.labels["test"][:count] if data.labels else None
        return cls(tuple(array[:count] for array in data.arrays("test")), labels)


def score(pair: Any, rows: Rows, estimator: str, num_particles: int = 1000) -> Score:
    """Score a pair on some rows.

    Args:
        pair: the pair with its weights.
        rows: of the test split.
        estimator: `"iw"`, `"exact"`, `"accuracy"` or `"kernel-distance"`.
        num_particles: of `"iw"`.

    Raises:
        ValueError: if there is no such estimator.
    """
    if estimator in ("iw", "exact"):
        found = log_likelihood(pair, rows.arrays, num_particles, method=estimator)
        return Score(
            found.mean, found.standard_error, "nats per datum, higher is better", found.method
        )
    if estimator == "accuracy":
        guess = classify(pair, rows.arrays[0]).argmax(1)
        right = float((guess == rows.labels).mean())
        error = 100 * math.sqrt(right * (1 - right) / len(guess))
        return Score(100 * right, error, "% right, higher is better", "the guide's class")
    if estimator == "kernel-distance":
        (x,) = rows.arrays
        means, _ = load_engine(pair.engine).draw(pair, len(x), 0)
        assert means is not None
        features = DigitFeatures.load()
        distance = kernel_distance(
            features(x), features(np.clip(means, 0, 1)), features=features.name
        )
        return Score(
            distance.value,
            distance.standard_error,
            "squared features, lower is better",
            distance.name,
        )
    raise ValueError(f"There is no estimator {estimator!r}.")
