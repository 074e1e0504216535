"""Are ranks uniform, and what error of scale would have been seen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import betaln
from scipy.stats import chi2, gamma, norm

TESTS = ("location", "scale", "shape")


def normal_scores(num_draws: int) -> NDArray[np.float64]:
    """The score of each rank, (L + 1,)."""
    return np.asarray(norm.ppf((np.arange(num_draws + 1) + 0.5) / (num_draws + 1)))


def rank_tests(ranks: NDArray[np.int64], num_draws: int) -> NDArray[np.float64]:
    """p-values that N ranks are uniform on 0, ..., L, as in `TESTS`.

    `"location"`: the mean of the normal scores, against its exact variance. `"scale"`: the mean of
    their squares, against the gamma distribution of the exact mean and variance, two-sided: the
    efficient test for a Gaussian posterior of the wrong width. `"shape"`: Pearson's chi-square
    over 20 bins (fewer where L + 1 is smaller) of equal size up to one rank, for all else.
    """
    count, scores = len(ranks), normal_scores(num_draws)
    chosen = scores[ranks]
    variance, fourth = float((scores**2).mean()), float((scores**4).mean())
    location = 2 * norm.sf(abs(chosen.mean()) / np.sqrt(variance / count))
    null = _gamma(count, variance, fourth - variance**2)
    total = float((chosen**2).sum())
    scale = min(1.0, 2 * min(null.cdf(total), null.sf(total)))
    edges = np.linspace(0, num_draws + 1, min(20, num_draws + 1) + 1).round()
    expected = count * np.diff(edges) / (num_draws + 1)
    observed = np.histogram(ranks, edges)[0]
    shape = chi2.sf(((observed - expected) ** 2 / expected).sum(), len(expected) - 1)
    return np.array([location, scale, shape])


def scale_power(scale: float, count: int, num_draws: int, level: float) -> float:
    """How often the test of scale sees that a Gaussian posterior is `scale` times as wide.

    The true value lies at the quantile u = Phi(scale^-1 zeta), zeta ~ Normal(0, 1) of such a
    posterior, and the rank among L draws is Binomial(L, u). The power follows from the exact
    mean and variance of the squared scores.

    Args:
        scale: width of the posterior used over that of the true one.
        count: number of simulations.
        num_draws: L.
        level: false-alarm rate of this one test.
    """
    scores = normal_scores(num_draws)
    null = _gamma(count, (scores**2).mean(), (scores**2).var())
    nodes = norm.ppf((np.arange(1000) + 0.5) / 1000) / scale
    rank = np.arange(num_draws + 1)
    below, above = norm.logcdf(nodes)[:, None], norm.logsf(nodes)[:, None]
    choices = -betaln(rank + 1, num_draws - rank + 1) - np.log(num_draws + 1)
    chances = np.exp(choices + rank * below + (num_draws - rank) * above).mean(0)
    mean = chances @ scores**2
    found = _gamma(count, mean, chances @ (scores**2 - mean) ** 2)
    low, high = null.ppf(level / 2), null.isf(level / 2)
    return float(found.cdf(low) + found.sf(high))


def detectable_scales(
    count: int, num_draws: int, level: float, power: float
) -> tuple[float, float]:
    """The nearest widths, too narrow and too wide, that are seen with a power; NaN if none is."""

    def excess(log_scale: float) -> float:
        return scale_power(np.exp(log_scale), count, num_draws, level) - power

    found = []
    for end in (np.log(0.1), np.log(10.0)):
        seen = excess(end) > 0
        root: Any = brentq(excess, 0.0, end, xtol=1e-3) if seen else np.nan
        found.append(float(np.exp(root)))
    return found[0], found[1]


def _gamma(count: int, mean: float, variance: float) -> Any:
    """The sum of `count` terms; exactly a chi-square if these are squared Gaussians."""
    return gamma(count * mean**2 / variance, scale=variance / mean)
