"""Metrics of what a run draws, and of what its latents know: they ask for the data set, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.comparison.metric import Arrays, Figure
from inference.errors import DataError
from inference.likelihood.bidirectional import bidirectional
from inference.likelihood.classification import classify
from inference.samples.classifier_score import classifier_score
from inference.samples.digit_features import DigitFeatures
from inference.samples.feature_distances import frechet_distance, kernel_distance
from inference.samples.modes import mode_coverage
from inference.samples.parzen import parzen_log_likelihood
from inference.samples.precision_recall import precision_recall
from inference.training.run import Run

_ROWS = 5_000  # that the guide encodes at a time


def parzen(run: Run, x: Arrays, *, data: Any, num_samples: int = 10_000, seed: int = 0) -> Figure:
    """The Parzen window's log-likelihood of grey images; see `inference.parzen_log_likelihood`."""
    if not hasattr(data, "valid") or not len(data.valid):
        raise DataError("parzen chooses its window on validation data, and there are none.")
    found = parzen_log_likelihood(_drawn(run, num_samples, seed), data.valid, x[0])
    return Figure(found.mean, found.standard_error)


def modes(
    run: Run, x: Arrays, *, data: Any, least: int = 1, num_samples: int = 2_500, seed: int = 0
) -> float:
    """Modes with `least` draws within three deviations; see `inference.mode_coverage`.

    A mode's centre is the mean of the training data that are labelled as its own.
    """
    del x
    return float(_coverage(run, data, num_samples, seed, least).covered)


def near_a_mode(
    run: Run, x: Arrays, *, data: Any, num_samples: int = 2_500, seed: int = 0
) -> float:
    """Per cent of the draws within three deviations of the nearest mode, centred as in `modes`."""
    del x
    return 100 * _coverage(run, data, num_samples, seed, 1).high_quality


def frechet(run: Run, x: Arrays, *, num_samples: int = 10_000, seed: int = 0) -> float:
    """Frechet distance of the features of `inference.DigitFeatures`, draws from data."""
    return frechet_distance(*_features(run, x, num_samples, seed)).value


def kernel(run: Run, x: Arrays, *, num_samples: int = 10_000, seed: int = 0) -> Figure:
    """Kernel distance of the features of `inference.DigitFeatures`, draws from data."""
    found = kernel_distance(*_features(run, x, num_samples, seed), seed=seed)
    return Figure(found.value, found.standard_error)


def precision(run: Run, x: Arrays, *, num_samples: int = 10_000, seed: int = 0) -> float:
    """Share of the draws that lie among the data, by the features of `inference.DigitFeatures`."""
    return precision_recall(*_features(run, x, num_samples, seed)).precision


def recall(run: Run, x: Arrays, *, num_samples: int = 10_000, seed: int = 0) -> float:
    """Share of the data that lie among the draws, by the features of `inference.DigitFeatures`."""
    return precision_recall(*_features(run, x, num_samples, seed)).recall


def digits_score(run: Run, x: Arrays, *, num_samples: int = 10_000, seed: int = 0) -> float:
    """Classifier score of the draws by `inference.DigitFeatures`."""
    del x
    images = _drawn(run, num_samples, seed)
    return classifier_score(DigitFeatures.load().probabilities(images)).value


def bidirectional_gap(
    run: Run, x: Arrays, *, num_rows: int = 25, seed: int = 0, **settings: Any
) -> Figure:
    """How far apart the bounds are on the model's own draws; see `inference.bidirectional`."""
    del x
    found = bidirectional(run.pair, num_rows, seed=seed, **settings)
    return Figure(found.gap, found.standard_error)


def neighbours(run: Run, x: Arrays, *, data: Any) -> Figure:
    """Per cent of test data whose nearest training datum, by the guide's means, has their label."""
    from sklearn.neighbors import KNeighborsClassifier

    labels = _labels(data, x)
    nearest = KNeighborsClassifier(1).fit(_codes(run, data.train), labels["train"])
    return _per_cent(nearest.predict(_codes(run, x[0])) == labels["test"])


def classification_error(
    run: Run, x: Arrays, *, data: Any, method: str = "guide", num_particles: int = 100
) -> Figure:
    """Per cent of test data that `inference.classify` takes to be of another class."""
    how: Any = {"method": method, "num_particles": num_particles}
    found = classify(run.pair, x[0], **how).argmax(1)
    return _per_cent(found != _labels(data, x)["test"])


def _drawn(run: Run, count: int, seed: int) -> NDArray[Any]:
    """Images of the model's means, clipped to grey levels."""
    return np.clip(run.sample(count, seed=seed), 0, 1)


def _features(run: Run, x: Arrays, count: int, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    known = DigitFeatures.load()
    return known.features(x[0]), known.features(_drawn(run, count, seed))


def _coverage(run: Run, data: Any, count: int, seed: int, least: int) -> Any:
    labels = _labels(data)["train"]
    groups = [data.train[labels == each].astype(np.float64) for each in np.unique(labels)]
    centres = np.stack([group.mean(0) for group in groups])
    apart = np.concatenate([group - centre for group, centre in zip(groups, centres, strict=True)])
    return mode_coverage(run.sample(count, seed=seed), centres, float(apart.std()), least=least)


def _codes(run: Run, x: NDArray[Any]) -> NDArray[Any]:
    """The guide's means of all latents side by side, (N, units)."""
    parts = np.array_split(x, -(-len(x) // _ROWS))
    found = [np.hstack([_flat(each) for each in run.latents(part).values()]) for part in parts]
    return np.concatenate(found)


def _flat(latent: NDArray[Any]) -> NDArray[Any]:
    return latent.reshape(len(latent), -1)


def _labels(data: Any, x: Arrays = ()) -> Mapping[str, NDArray[np.int64]]:
    """The labels of the splits; those of test are of the rows to score.

    Raises:
        DataError: if there are none, or the rows are others than all of test.
    """
    labels = getattr(data, "labels", None)
    if not labels:
        raise DataError("it needs a data set whose rows have labels, such as load('digits').")
    if x and len(x[0]) != len(labels["test"]):
        raise DataError("it knows the labels of all test rows; score these.")
    return labels


def _per_cent(hits: NDArray[np.bool_]) -> Figure:
    share = float(hits.mean())
    return Figure(100 * share, 100 * float(np.sqrt(share * (1 - share) / len(hits))))
