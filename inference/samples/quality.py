"""One row of a table about the samples of one generator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from inference.arguments import called, check_count
from inference.data.arrays import as_array
from inference.descriptions import shown
from inference.errors import ArgumentError, DataError
from inference.samples.classifier_score import classifier_score
from inference.samples.feature_distances import frechet_distance, kernel_distance
from inference.samples.metric import SampleMetric, features_name
from inference.samples.precision_recall import PrecisionRecall, precision_recall
from inference.samples.rows import as_row_sets
from inference.samples.two_sample import MMDTest, mmd_test


@dataclass(frozen=True)
class SampleQuality:
    """Sample metrics of one generator.

    Attributes:
        mmd: two-sample test between the rows themselves.
        precision_recall: on the features.
        frechet: Frechet distance of the features.
        kernel: kernel distance of the features.
        classifier: classifier score; None where the features come without probabilities.
        features: the space of all but `mmd`.
        counts: real and generated samples.
    """

    mmd: MMDTest
    precision_recall: PrecisionRecall
    frechet: SampleMetric
    kernel: SampleMetric
    classifier: SampleMetric | None
    features: str
    counts: tuple[int, int]

    def as_dict(self) -> dict[str, float | int | str | None]:
        """A row for a table; `real`, `generated` and `features` say what can be compared."""
        return {
            "mmd": self.mmd.estimate,
            "p_value": self.mmd.p_value,
            "precision": self.precision_recall.precision,
            "recall": self.precision_recall.recall,
            "frechet": self.frechet.value,
            "kernel": self.kernel.value,
            "kernel_standard_error": self.kernel.standard_error,
            "classifier": None if self.classifier is None else self.classifier.value,
            "features": self.features,
            "real": self.counts[0],
            "generated": self.counts[1],
        }

    def named(self) -> dict[str, float]:
        """The same under names with the sample counts, so that others never share a column."""
        where = f"{self.features} "
        found = {
            self.mmd.name: self.mmd.estimate,
            f"p-value of {self.mmd.name}": self.mmd.p_value,
            where + self.precision_recall.name.replace("precision and recall", "precision"): (
                self.precision_recall.precision
            ),
            where + self.precision_recall.name.replace("precision and recall", "recall"): (
                self.precision_recall.recall
            ),
            self.frechet.name: self.frechet.value,
            self.kernel.name: self.kernel.value,
        }
        if self.classifier is not None:
            found[self.classifier.name] = self.classifier.value
        return found


def sample_quality(
    real: ArrayLike,
    generated: ArrayLike,
    features: Callable[[Any], ArrayLike] | None = None,
    *,
    k: int = 3,
    num_permutations: int = 1000,
    seed: int = 0,
) -> SampleQuality:
    """Two-sample test, precision, recall, Frechet and kernel distance, and classifier score.

    The two-sample test is on the rows themselves, all else on features of them.

    Args:
        real: samples, shape (N, D).
        generated: samples, shape (M, D).
        features: `DigitFeatures.load()`, or any function from rows to features, shape (N, F); with
            a method `probabilities` the classifier score is computed too. None takes the rows
            themselves.
        k: nearest neighbour of precision and recall.
        num_permutations: of the two-sample test; most of the time goes there.
        seed: seed of the test and of the kernel distance.

    Raises:
        ArgumentError: if an argument is out of range.
        DataError: if the samples are not rows of equal width.
    """
    if features is not None and (isinstance(features, type) or not callable(features)):
        raise ArgumentError(
            "features must be a function from rows to features, such as DigitFeatures.load(), or "
            f"None; got {shown(features)}."
        )
    k = check_count("k", k)
    name = features_name(features)
    real, generated = as_row_sets(real=real, generated=generated, least=k + 1)
    a, b = (
        rows if features is None else as_array(called("features", features, rows), np.float64)
        for rows in (real, generated)
    )
    for rows, given in ((a, real), (b, generated)):
        if rows.ndim != 2 or len(rows) != len(given):
            raise DataError(
                f"features must return shape ({len(given)}, F) for {len(given)} rows, got "
                f"{rows.shape}."
            )
    probabilities = getattr(features, "probabilities", None)
    return SampleQuality(
        mmd=mmd_test(real, generated, num_permutations=num_permutations, seed=seed),
        precision_recall=precision_recall(a, b, k),
        frechet=frechet_distance(a, b, features=name),
        kernel=kernel_distance(a, b, seed=seed, features=name),
        classifier=(
            None
            if probabilities is None
            else classifier_score(probabilities(generated), features=name)
        ),
        features=name,
        counts=(len(real), len(generated)),
    )
