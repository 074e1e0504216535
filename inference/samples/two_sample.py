"""Do two sets of samples come from one distribution? The kernel two-sample test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from inference.arguments import check_count, check_seed
from inference.errors import ArgumentError
from inference.samples.bandwidths import check_bandwidths
from inference.samples.metric import with_counts
from inference.samples.rows import (
    Rows,
    as_row_sets,
    blocks,
    centred,
    squared_distances,
)

_FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
_MEDIAN_OF = 1000  # rows whose distances the median is taken of
_TIE = 1e-12  # permutations of equal statistic differ by rounding


@dataclass(frozen=True)
class MMDTest:
    """Result of a kernel two-sample test.

    Attributes:
        estimate: unbiased estimate of MMD^2; it may be negative where the truth is near zero.
        p_value: share of permutations with an estimate at least as large, this one included.
        bandwidths: of the kernels.
        counts: rows of x and of y.
        num_permutations: how many there were; the p-value is at least 1 / (1 + that many).
    """

    estimate: float
    p_value: float
    bandwidths: tuple[float, ...]
    counts: tuple[int, int]
    num_permutations: int

    @property
    def name(self) -> str:
        """For example "MMD^2, 1,000/1,000"."""
        return with_counts("MMD^2", *self.counts)

    def __str__(self) -> str:
        return f"{self.name}: {self.estimate:.3g} (p = {self.p_value:.3g})"


def mmd_test(
    x: ArrayLike,
    y: ArrayLike,
    *,
    bandwidths: Sequence[float] | None = None,
    num_permutations: int = 1000,
    seed: int = 0,
) -> MMDTest:
    """Kernel two-sample test (Gretton et al. 2012, JMLR 13), p-value by permutation.

    With k(a, b) the mean of exp(-||a - b||^2 / (2 s^2)) over the bandwidths s, the statistic is

        MMD^2 =  1/(n (n - 1)) sum_{i != j} k(x_i, x_j) + 1/(m (m - 1)) sum_{i != j} k(y_i, y_j)
               - 2/(n m) sum_{i, j} k(x_i, y_j),

    unbiased for the squared distance of the distributions' mean embeddings. Under the null
    hypothesis of one distribution every assignment of the pooled rows to x and y is as likely, so
    p = (1 + number of permutations with at least this statistic) / (1 + permutations) is at most
    a with probability a, whatever the sample sizes. The kernel depends on the pooled rows alone.

    Each entry of the pooled kernel matrix is computed once for all permutations, in blocks. The
    time grows as (n + m)^2 times the permutations plus the columns.

    Args:
        x: samples, shape (n, D), two or more; images and sequences are laid out flat.
        y: samples, shape (m, D), two or more.
        bandwidths: of the Gaussian kernels; by default 1/4, 1/2, 1, 2 and 4 times the median
            distance within the pooled rows (within 1,000 of them where there are more).
        num_permutations: how many.
        seed: seed of the permutations.

    Raises:
        ArgumentError: if an argument is out of range, or the median distance is zero.
        DataError: if x and y are not rows of equal width.
    """
    check_seed(seed)
    num_permutations = check_count("num_permutations", num_permutations)
    x, y = as_row_sets(x=x, y=y, least=2)
    random = np.random.default_rng(seed)
    (pooled,) = centred(np.concatenate([x, y]))
    scales = check_bandwidths(_median_scales(pooled, random) if bandwidths is None else bandwidths)
    n, total = len(x), len(pooled)
    labels = np.zeros((1 + num_permutations, total), dtype=bool)
    labels[:, :n] = True
    labels[1:] = random.permuted(labels[1:], axis=1)
    statistics = _statistics(pooled, labels.T.astype(np.float64), n, scales)
    as_large = int(np.count_nonzero(statistics[1:] >= statistics[0] - _TIE))
    return MMDTest(
        estimate=float(statistics[0]),
        p_value=(1 + as_large) / (1 + num_permutations),
        bandwidths=scales,
        counts=(n, total - n),
        num_permutations=num_permutations,
    )


def _statistics(pooled: Rows, labels: Rows, n: int, scales: tuple[float, ...]) -> Rows:
    """MMD^2 for each column of `labels`, shape (N, P), which is one for the n rows of x.

    With K the pooled kernel matrix and l a column, l'Kl, l'K1 and 1'K1 give all three sums.
    """
    total = len(pooled)
    within = np.zeros(labels.shape[1])  # l'Kl
    row_sums = np.zeros(total)  # K1
    parts = list(blocks(total))
    for number, i in enumerate(parts):
        for j in parts[number:]:
            kernel = _kernel(pooled[i], pooled[j], scales, same=i == j)
            row_sums[i] += kernel.sum(1)
            if i != j:  # the block below the diagonal is its transpose
                row_sums[j] += kernel.sum(0)
            product = np.einsum("np,np->p", labels[i], kernel @ labels[j])
            within += product if i == j else 2 * product
    m = total - n
    both = row_sums @ labels  # l'K1
    across, other = both - within, row_sums.sum() - 2 * both + within
    return (within - n) / (n * (n - 1)) + (other - m) / (m * (m - 1)) - 2 * across / (n * m)


def _kernel(a: Rows, b: Rows, scales: tuple[float, ...], *, same: bool) -> Rows:
    squared = squared_distances(a, b)
    if same:
        np.fill_diagonal(squared, 0.0)
    kernel = np.zeros_like(squared)
    for scale in scales:
        kernel += np.exp(squared * (-0.5 / scale**2))
    kernel /= len(scales)
    return kernel


def _median_scales(pooled: Rows, random: np.random.Generator) -> tuple[float, ...]:
    rows = pooled[random.permutation(len(pooled))[:_MEDIAN_OF]]
    apart = np.sqrt(squared_distances(rows, rows)[np.triu_indices(len(rows), 1)])
    median = float(np.median(apart))
    if not median > 0:
        raise ArgumentError(
            "the median distance between samples is 0, most of them are the same; pass bandwidths."
        )
    return tuple(factor * median for factor in _FACTORS)
