"""Are generated samples among the real ones, and the real ones among the generated?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from inference.arguments import check_count
from inference.samples.metric import with_counts
from inference.samples.rows import (
    ROUNDING,
    Rows,
    as_row_sets,
    blocks,
    centred,
    squared_distances,
)


@dataclass(frozen=True)
class PrecisionRecall:
    """Precision and recall of generated samples.

    Attributes:
        precision: share of generated samples inside a ball around a real one.
        recall: share of real samples inside a ball around a generated one.
        k: each ball reaches to the k-th nearest neighbour.
        counts: real and generated samples.
    """

    precision: float
    recall: float
    k: int
    counts: tuple[int, int]

    @property
    def name(self) -> str:
        """For example "precision and recall (k = 3), 10,000/10,000"."""
        return with_counts(f"precision and recall (k = {self.k})", *self.counts)

    def __str__(self) -> str:
        return f"{self.name}: {self.precision:.3f}, {self.recall:.3f}"


def precision_recall(real: ArrayLike, generated: ArrayLike, k: int = 3) -> PrecisionRecall:
    """Improved precision and recall (Kynkaanniemi et al. 2019, arXiv:1904.06991).

    A set's support is estimated by the balls around its rows that reach to the k-th nearest other
    row of the set, edge included. Precision is the share of generated rows in the support of the
    real ones, recall the share of real rows in the support of the generated ones. The balls shrink
    as the sets grow: compare equal counts only.

    Args:
        real: samples, shape (N, D), more than k; images and sequences are laid out flat.
        generated: samples, shape (M, D), more than k.
        k: which neighbour.

    Raises:
        ArgumentError: if k is not a whole number from 1.
        DataError: if the samples are not rows of equal width, or too few.
    """
    k = check_count("k", k)
    real, generated = centred(*as_row_sets(real=real, generated=generated, least=k + 1))
    reach_real, reach_generated = _squared_radii(real, k), _squared_radii(generated, k)
    inside_real = np.zeros(len(generated), dtype=bool)
    inside_generated = np.zeros(len(real), dtype=bool)
    for i in blocks(len(real)):
        squared = squared_distances(real[i], generated)
        inside_real |= (squared <= reach_real[i, None]).any(0)
        inside_generated[i] = (squared <= reach_generated).any(1)
    return PrecisionRecall(
        precision=float(inside_real.mean()),
        recall=float(inside_generated.mean()),
        k=int(k),
        counts=(len(real), len(generated)),
    )


def _squared_radii(rows: Rows, k: int) -> Rows:
    """Squared distance of each row to its k-th nearest other row, and what rounding may add.

    So a row on the edge of a ball stays in it, whichever way its distance was rounded.
    """
    found = np.empty(len(rows))
    for i in blocks(len(rows)):
        squared = squared_distances(rows[i], rows)
        squared[np.arange(len(squared)), np.arange(i.start, i.stop)] = np.inf  # not itself
        found[i] = np.partition(squared, k - 1, axis=1)[:, k - 1]
    return found + ROUNDING * (found + np.einsum("nd,nd->n", rows, rows))
