"""Mixtures of kernels, and the maximum mean discrepancy under them; for arrays of either engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from inference.arguments import check_one_of
from inference.descriptions import shown
from inference.errors import ArgumentError

KERNELS = ("rbf-mixture", "inverse-multiquadric")
_MULTIPLES = (0.25, 0.5, 1.0, 2.0, 4.0)  # of the typical distance between two data

Kernel = Callable[[Any], Any]
"""From squared distances to values, elementwise; k(0) = 1."""


def check_kernel(kernel: str, bandwidths: float | Sequence[float] | None) -> Any:
    """Return the bandwidths as a tuple, or None for those that the data suggest.

    Raises:
        ArgumentError: if there is no such kernel, or a bandwidth is not positive.
    """
    check_one_of("kernel", kernel, KERNELS)
    if bandwidths is None:
        return None
    several = isinstance(bandwidths, Sequence) and not isinstance(bandwidths, (str, bytes))
    found = tuple(bandwidths) if several else (bandwidths,)  # pyright: ignore[reportArgumentType]
    for width in found:
        if isinstance(width, bool) or not isinstance(width, (int, float)) or not 0 < width < 1e30:
            raise ArgumentError(f"bandwidths must be positive numbers, got {shown(bandwidths)}.")
    if not found:
        raise ArgumentError("bandwidths is empty; give at least one, or None to take the data's.")
    return found


def squared_distances(x: Any, y: Any) -> Any:
    """Squared Euclidean distances of rows (N, D) and (M, D): (N, M), not negative."""
    square = (x**2).sum(1)[:, None] + (y**2).sum(1)[None, :] - 2 * (x @ y.T)
    return 0.5 * (square + abs(square))


def build_kernel(name: str, bandwidths: tuple[float, ...] | None, data: Any, ops: Any) -> Kernel:
    """The mean of kernels of several bandwidths s.

        rbf-mixture:           exp(-d^2 / (2 s^2))
        inverse-multiquadric:  1 / (1 + d^2 / (2 s^2))

    Args:
        name: one of `KERNELS`.
        bandwidths: s, or None for 1/4, 1/2, 1, 2 and 4 times the root mean square distance
            between two rows of `data`.
        data: rows of data without a gradient, (N, D).
        ops: the engine's functions.
    """
    if bandwidths is None:
        rows = len(data)
        # The mean squared distance between two different rows, from their variance.
        typical = 2 * ((data - data.mean(0)) ** 2).sum() / max(rows - 1, 1)
        typical = ops.where(typical > 0, typical, 1.0)
        scales = [2 * multiple**2 * typical for multiple in _MULTIPLES]
    else:
        scales = [2 * width**2 for width in bandwidths]

    def kernel(square: Any) -> Any:
        if name == "rbf-mixture":
            return sum(ops.exp(-square / scale) for scale in scales) / len(scales)
        return sum(1 / (1 + square / scale) for scale in scales) / len(scales)

    return kernel


def squared_mmd(
    x: Any, y: Any, kernel: Kernel, *, unbiased: bool, alike: tuple[Any, Any, Any] | None = None
) -> Any:
    """MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y), a scalar.

    Args:
        x: rows of one sample, (N, D).
        y: rows of the other, (M, D).
        kernel: of squared distances.
        unbiased: whether to leave out the pairs of a row with itself.
        alike: factors on k(x, x'), k(y, y') and k(x, y), (N, N), (M, M) and (N, M).
    """
    grams = [kernel(squared_distances(*pair)) for pair in ((x, x), (y, y), (x, y))]
    if alike is not None:
        grams = [gram * factor for gram, factor in zip(grams, alike, strict=True)]
    within = 0.0
    for gram in grams[:2]:
        n = len(gram)
        if unbiased:
            own = gram.trace() if alike is not None else n
            within = within + (gram.sum() - own) / (n * (n - 1))
        else:
            within = within + gram.sum() / n**2
    return within - 2 * grams[2].mean()


def linear_mmd(x: Any, y: Any, kernel: Kernel) -> Any:
    """The mean of k(x, x') + k(y, y') - k(x, y') - k(x', y) over disjoint pairs: unbiased, O(N)."""
    half = len(x) // 2
    x, other_x = x[:half], x[half : 2 * half]
    y, other_y = y[:half], y[half : 2 * half]

    def across(a: Any, b: Any) -> Any:
        return kernel(((a - b) ** 2).sum(1))

    terms = across(x, other_x) + across(y, other_y) - across(x, other_y) - across(other_x, y)
    return terms.mean()
