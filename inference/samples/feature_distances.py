"""Distances between real and generated samples by moments of their features."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from inference.arguments import check_count, check_seed
from inference.samples.metric import SampleMetric, check_label
from inference.samples.rows import Rows, as_row_sets

_BLOCK_SIZE = 1000
_LEAST_BLOCKS = 10


def frechet_distance(a: ArrayLike, b: ArrayLike, *, features: str = "features") -> SampleMetric:
    """Frechet distance between two Gaussians with the moments of two sets of features.

    As the Frechet inception distance has it (Heusel et al. 2017, arXiv:1706.08500), on whatever
    features are given:

        d^2 = ||m_a - m_b||^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2))

    with means m and covariances C (divided by N - 1). The trace of the root is the sum of the
    singular values of C_a^(1/2) C_b^(1/2), which exists for singular covariances too. The estimate
    is too large by an amount of order 1/N that differs between generators: compare equal counts
    only, of many more rows than columns.

    Args:
        a: features of real samples, shape (N, D), two or more.
        b: features of generated samples, shape (M, D), two or more.
        features: what the columns are, for the name of the result.

    Returns:
        d^2, in units of squared features; without a standard error.

    Raises:
        DataError: if the features are not rows of equal width.
    """
    a, b = as_row_sets(a=a, b=b, least=2)
    root_a, root_b = (_root(np.atleast_2d(np.cov(rows, rowvar=False))) for rows in (a, b))
    gap = a.mean(0) - b.mean(0)
    product = np.linalg.svd(root_a @ root_b, compute_uv=False).sum()
    value = gap @ gap + (root_a**2).sum() + (root_b**2).sum() - 2 * product
    return SampleMetric(
        max(float(value), 0.0), f"{check_label(features)} Frechet distance", (len(a), len(b))
    )


def kernel_distance(
    a: ArrayLike,
    b: ArrayLike,
    *,
    block_size: int | None = None,
    seed: int = 0,
    features: str = "features",
) -> SampleMetric:
    """Squared MMD of features under a cubic kernel (Binkowski et al. 2018, arXiv:1801.01401).

    As the kernel inception distance has it, on whatever features are given:

        k(a, b) = (a'b / D + 1)^3,    MMD^2 as in `mmd_test`, unbiased

    averaged over disjoint blocks of rows in random order. Each block's estimate is unbiased, so
    their mean is; being of different rows, they give its standard error. It is unbiased for every
    count, unlike `frechet_distance`, and may be negative.

    Args:
        a: features of real samples, shape (N, D), two or more.
        b: features of generated samples, shape (M, D), two or more.
        block_size: least rows of each set in a block; by default 1,000, or fewer where that is
            more than a tenth of the smaller set.
        seed: seed of the order.
        features: what the columns are, for the name of the result.

    Returns:
        The mean with its standard error over blocks, which is NaN for one block.

    Raises:
        ArgumentError: if an argument is out of range.
        DataError: if the features are not rows of equal width.
    """
    check_seed(seed)
    block_size = check_count("block_size", block_size, optional=True)
    a, b = as_row_sets(a=a, b=b, least=2)
    random = np.random.default_rng(seed)
    fewer = min(len(a), len(b))
    size = min(_BLOCK_SIZE, fewer // _LEAST_BLOCKS) if block_size is None else block_size
    count = max(1, fewer // max(2, size))
    parts = [np.array_split(random.permutation(rows), count) for rows in (a, b)]
    values = np.array([_cubic_mmd(*pair) for pair in zip(*parts, strict=True)])
    error = float(values.std(ddof=1) / math.sqrt(count)) if count > 1 else math.nan
    metric = f"{check_label(features)} kernel distance"
    return SampleMetric(float(values.mean()), metric, (len(a), len(b)), error)


def _cubic_mmd(a: Rows, b: Rows) -> float:
    n, m = len(a), len(b)
    width = a.shape[1]
    within_a, within_b = (_off_diagonal_sum((rows @ rows.T / width + 1) ** 3) for rows in (a, b))
    across = ((a @ b.T / width + 1) ** 3).mean()
    return within_a / (n * (n - 1)) + within_b / (m * (m - 1)) - 2 * across


def _off_diagonal_sum(matrix: Rows) -> float:
    return matrix.sum() - np.trace(matrix)


def _root(covariance: Rows) -> Rows:
    """Symmetric square root of a positive semi-definite matrix."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
