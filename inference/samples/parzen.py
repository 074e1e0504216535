"""Log-likelihood of a Gaussian Parzen window around samples."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.data.rows import slices
from inference.samples.bandwidths import check_bandwidths
from inference.samples.metric import with_counts
from inference.samples.rows import (
    Rows,
    as_row_sets,
    centred,
    squared_distances,
)

_BANDWIDTHS = tuple(np.logspace(-1, 0, 10).tolist())
_BLOCK = 512


@dataclass(frozen=True)
class ParzenEstimate:
    """A Parzen-window log-likelihood in nats.

    Attributes:
        mean: mean log density of the test rows.
        standard_error: standard deviation over the test rows, divided by the root of their number.
        bandwidth: the one that was chosen.
        valid_means: bandwidth to mean log density of the validation rows.
        counts: samples, validation rows and test rows.
    """

    mean: float
    standard_error: float
    bandwidth: float
    valid_means: dict[float, float]
    counts: tuple[int, int, int]

    @property
    def name(self) -> str:
        """For example "Parzen log-likelihood, 10,000/10,000/10,000"."""
        return with_counts("Parzen log-likelihood", *self.counts)

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.mean:.2f} ± {self.standard_error:.2f} nats "
            f"(bandwidth {self.bandwidth:.3g})"
        )


def parzen_log_likelihood(
    samples: ArrayLike,
    valid: ArrayLike,
    test: ArrayLike,
    *,
    bandwidths: Sequence[float] | None = None,
) -> ParzenEstimate:
    """Mean log density of test rows under a Gaussian window around each sample.

    The protocol of Breuleux et al. (2011) and Goodfellow et al. (2014, arXiv:1406.2661):

        log p(x) = log 1/S sum_s N(x; sample_s, bandwidth^2 I)

    with the bandwidth of the largest mean log density on validation rows.

    This is no measure of quality. Theis et al. (2016, arXiv:1511.01844) show that it ranks models
    wrongly, that cluster centres of the training data score above the data themselves, and that no
    feasible number of samples brings it near the log-likelihood in high dimension. It is here to
    be compared with figures that were published under the same protocol, and for nothing else.

    Args:
        samples: generated samples, shape (S, D), such as likelihood means.
        valid: real rows to choose the bandwidth on, shape (V, D).
        test: real rows to score, shape (T, D), real-valued as the samples are.
        bandwidths: to choose from; by default ten from 0.1 to 1 at equal ratios, as Goodfellow et
            al. have it for pixels in [0, 1].

    Returns:
        Mean and standard error in nats, and the bandwidth. Where the best bandwidth is the first
        or last of several, a warning says so.

    Raises:
        ArgumentError: if a bandwidth is not positive.
        DataError: if the arrays are not rows of equal width.
    """
    scales = check_bandwidths(_BANDWIDTHS if bandwidths is None else bandwidths)
    samples, valid, test = centred(*as_row_sets(samples=samples, valid=valid, test=test))
    means = _log_densities(samples, valid, scales).mean(1)
    best = int(np.argmax(means))
    if len(scales) > 1 and best in (0, len(scales) - 1):
        warnings.warn(
            f"the best bandwidth {scales[best]:.4g} is at the end of the grid from "
            f"{scales[0]:.4g} to {scales[-1]:.4g}; pass bandwidths that reach further.",
            stacklevel=2,
        )
    (scores,) = _log_densities(samples, test, scales[best : best + 1])
    spread = scores.std(ddof=1) / math.sqrt(len(scores)) if len(scores) > 1 else math.nan
    return ParzenEstimate(
        mean=float(scores.mean()),
        standard_error=float(spread),
        bandwidth=scales[best],
        valid_means=dict(zip(scales, means.tolist(), strict=True)),
        counts=(len(samples), len(valid), len(test)),
    )


def _log_densities(samples: Rows, x: Rows, scales: Sequence[float]) -> NDArray[np.float64]:
    """log p(x), shape (bandwidths, N); the distances are computed once."""
    count, width = samples.shape
    found = np.empty((len(scales), len(x)))
    for i in slices(len(x), _BLOCK):
        squared = squared_distances(x[i], samples)
        least = squared.min(1)
        squared -= least[:, None]
        terms = np.empty_like(squared)
        for number, scale in enumerate(scales):
            np.multiply(squared, -0.5 / scale**2, out=terms)
            np.exp(terms, out=terms)
            norm = math.log(count) + 0.5 * width * math.log(2 * math.pi * scale**2)
            found[number, i] = np.log(terms.sum(1)) - 0.5 * least / scale**2 - norm
    return found
