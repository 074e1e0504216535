"""Which training rows samples are nearest to: whether a model has learnt rows by heart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.arguments import check_count, check_seed
from inference.data.arrays import as_array
from inference.errors import ArgumentError, DataError
from inference.samples.rows import Rows, as_row_sets, blocks, squared_distances


@dataclass(frozen=True)
class Nearest:
    """The nearest training row of each of N samples.

    Attributes:
        samples: the samples, (N, D).
        rows: their nearest training rows, (N, D).
        indices: which these are, (N,).
        distances: Euclidean, (N,), in the data's units.
        typical: Euclidean distance of each training row looked at to its nearest other one, (M,):
            samples much nearer than that are copies.
    """

    samples: NDArray[Any]
    rows: NDArray[Any]
    indices: NDArray[np.int64]
    distances: NDArray[np.float64]
    typical: NDArray[np.float64]

    @property
    def copies(self) -> float:
        """Share of samples nearer to a training row than a hundredth of the typical distance."""
        return float((self.distances < 0.01 * np.median(self.typical)).mean())

    def __str__(self) -> str:
        return (
            f"distance to the nearest training row: median {np.median(self.distances):.4g}, least "
            f"{self.distances.min():.4g}; of training rows to one another: median "
            f"{np.median(self.typical):.4g}; {self.copies:.1%} are copies"
        )


def nearest_training(
    run: Any,
    samples: int | ArrayLike,
    training: ArrayLike | None = None,
    *,
    seed: int = 0,
) -> Nearest:
    """The training row that each sample is nearest to.

    Whoever learns rows by heart draws what looks best: a sample that is a training row says nothing
    of the model. Distances are between rows as they are, pixel by pixel.

    Args:
        run: what `fit` returned.
        samples: how many to draw from the run, or the rows themselves, (N, D).
        training: the rows that it was trained on, (M, D); needed for a run that was loaded, or
            trained on batches, and otherwise the run's own.
        seed: seed of the draws, and of the training rows (1,000 at most) that are compared with
            one another.

    Raises:
        ArgumentError: if the run does not know what it was trained on.
        DataError: if samples have other columns, or either are no rows of finite numbers.
    """
    known = getattr(run, "trained_on", None) if training is None else training
    if known is None:
        raise ArgumentError(
            "the run does not hold its training rows (it was loaded, or trained on batches); pass "
            "training=, the rows that it was trained on."
        )
    check_seed(seed)
    drawn = isinstance(samples, (int, np.integer))
    given = run.sample(check_count("samples", samples), seed=seed) if drawn else samples
    made, rows = as_row_sets(samples=_numbers(given), training=_numbers(known))
    if len(rows) < 2:
        raise DataError("training must have two rows or more, got one.")
    indices, distances = _nearest(made, rows, 0)
    some = np.random.default_rng(seed).permutation(len(rows))[:1000]
    _, typical = _nearest(rows[some], rows, 1)
    return Nearest(made, rows[indices], indices, distances, typical)


def _numbers(values: Any) -> NDArray[Any]:
    """An array of whatever holds numbers, such as a tensor; one number a row is a column."""
    array = as_array(values, np.float64)
    return array[:, None] if array.ndim == 1 else array


def _nearest(points: Rows, rows: Rows, rank: int) -> tuple[NDArray[np.int64], Rows]:
    """The row of a rank by distance, 0 for the nearest, of each point, and how far it is."""
    found, far = [], []
    for block in blocks(len(points)):
        part = points[block]
        order = np.argpartition(squared_distances(part, rows), rank, axis=1)[:, rank]
        found.append(order)
        far.append(np.linalg.norm(part - rows[order], axis=1))
    return np.concatenate(found), np.concatenate(far)
