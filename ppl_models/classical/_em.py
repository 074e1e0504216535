"""What the EM algorithms have in common: restarts, stopping, Gaussian start values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ppl_models import _numbers
from ppl_models.networks.arguments import check_positive, check_seed, check_size

Array = NDArray[np.float64]
Parameters = dict[str, Array]


def best_of(
    start: Callable[[np.random.Generator], Parameters],
    step: Callable[[Parameters], tuple[float, Parameters]],
    *,
    restarts: int,
    iterations: int,
    tolerance: float,
    seed: int,
) -> tuple[Parameters, NDArray[np.float64]]:
    """Climb from several starts and keep the highest.

    Args:
        start: draws parameters.
        step: log-likelihood per datum at given parameters, and the next parameters.
        restarts: number of starts.
        iterations: most steps from each start.
        tolerance: a climb ends when a step gains less, in nats per datum.
        seed: seed of the starts.

    Returns:
        The parameters, and the log-likelihood before each step and at the end.
    """
    check_size("restarts", restarts)
    check_size("iterations", iterations)
    check_positive("tolerance", tolerance)
    random = np.random.default_rng(check_seed(seed))
    best: tuple[Parameters, NDArray[np.float64]] | None = None
    for _ in range(restarts):
        parameters, history = start(random), []
        for _ in range(iterations):
            value, following = step(parameters)
            history.append(value)
            if len(history) > 1 and history[-1] - history[-2] < tolerance:
                break
            parameters = following
        else:
            history.append(step(parameters)[0])
        if best is None or history[-1] > best[1][-1]:
            best = parameters, np.array(history)
    assert best is not None
    return best


def real_numbers(name: str, values: Any) -> Array:
    """Real numbers in float64: what has none, or hides some, would lose its meaning.

    Raises:
        ValueError: if they are text, dates, complex numbers or other things, or some are masked.
    """
    return _numbers.real_numbers(name, values).astype(np.float64)


def checked(x: ArrayLike, ndim: int, shape: str) -> Array:
    """The data in float64.

    Raises:
        ValueError: if they are no real numbers, have a mask or another number of dimensions, are
            empty or not finite.
    """
    array = real_numbers("x", x)
    if array.ndim != ndim or array.size == 0:
        raise ValueError(f"x must have shape {shape} and hold something, got {array.shape}.")
    if not np.isfinite(array).all():
        raise ValueError("x has values that are NaN or infinite; remove or impute those rows.")
    return array


def spread_rows(rows: Array, count: int, random: np.random.Generator) -> Array:
    """Rows that lie far apart: each drawn in proportion to the squared distance to the others.

    Arthur & Vassilvitskii 2007 (k-means++).
    """
    chosen = [rows[random.integers(len(rows))]]
    distance = ((rows - chosen[0]) ** 2).sum(-1)
    while len(chosen) < count:
        total = distance.sum()
        odds: Any = distance / total if total > 0 else None
        chosen.append(rows[random.choice(len(rows), p=odds)])
        distance = np.minimum(distance, ((rows - chosen[-1]) ** 2).sum(-1))
    return np.array(chosen)


def moments(weights: Array, rows: Array, min_scale: float) -> tuple[Array, Array]:
    """Weighted means and standard deviations, each (K, D), of weights (N, K) and rows (N, D)."""
    total = np.maximum(weights.sum(0), 1e-300)[:, None]
    means = weights.T @ rows / total
    variance = np.stack([w @ (rows - m) ** 2 for w, m in zip(weights.T, means, strict=True)])
    return means, np.maximum(np.sqrt(variance / total), min_scale)


def normal_log_density(rows: Array, means: Array, scales: Array) -> Array:
    """log Normal(row; mean_k, scale_k), summed over the columns: (..., D) to (..., K)."""
    scaled = (rows[..., None, :] - means) / scales
    return -0.5 * (scaled**2 + np.log(2 * np.pi)).sum(-1) - np.log(scales).sum(-1)
