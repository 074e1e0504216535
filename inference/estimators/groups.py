"""Bias, variance and signal-to-noise ratio of a group of parameters, with their errors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from inference.program.moments import GradientMoments

Array = NDArray[np.float64]
_RESOLUTION = 1e-5  # of a float32 gradient, relative to its largest entry


@dataclass(frozen=True)
class Reference:
    """A gradient of a bound, to compare mean gradients with.

    Attributes:
        gradient: by parameter, the bound's gradient, summed over the batch.
        error: by parameter, its standard error; empty where the gradient is exact.
        source: where it comes from.
    """

    gradient: Mapping[str, Array]
    error: Mapping[str, Array]
    source: str


@dataclass(frozen=True)
class GroupStatistics:
    """How the gradient estimator of P parameters does; nats, summed over the batch.

    Attributes:
        parameters: P, the entries that have a gradient: those which never differ from zero do not
            count.
        variance: sum over the entries of Var g_i, the trace of the covariance.
        variance_error: its standard error.
        snr: mean over the entries of |E g_i| / std g_i; infinite if there is no noise.
        snr_error: its standard error.
        bias: length of E g - reference, noise included.
        bias_error: the length that noise alone would give it, root mean square.
        relative_bias: the bias relative to the reference's length.
        bias_z: the largest |z| of an entry's bias, as a normal deviate.
        bias_p: p-value of that, after Bonferroni over the entries.
    """

    parameters: int
    variance: float
    variance_error: float
    snr: float
    snr_error: float
    bias: float = math.nan
    bias_error: float = math.nan
    relative_bias: float = math.nan
    bias_z: float = math.nan
    bias_p: float = math.nan


def group_statistics(
    moments: GradientMoments, names: Iterable[str], reference: Reference | None = None
) -> GroupStatistics | None:
    """Statistics of the parameters of the given names; None if none of them has a gradient.

    With n draws in B blocks, mean m_i and unbiased variance s_i^2 of entry i over all n,

        variance = sum_i s_i^2,    snr = 1/P sum_i |m_i| / s_i,    bias = |m - reference|,

    and the errors of the first two are the jackknife's over the blocks. Where there is no signal
    |m_i| / s_i is still sqrt(2 / (pi n)) on average: a ratio near that floor is only a bound.
    """
    names = sorted(names)
    means = -_flat(moments.means, names)  # of the bound, not of the loss
    squares = _flat(moments.squares, names)
    exact = None if reference is None else _joined(reference.gradient, names)
    alive = (squares > 0).any(0) | (means != 0).any(0)
    if exact is not None:
        alive |= exact != 0
    if not alive.any():
        return None
    means, squares = means[:, alive], squares[:, alive]
    mean, variance = _pooled(means, squares, moments.block_size)
    without = [
        _pooled(np.delete(means, b, 0), np.delete(squares, b, 0), moments.block_size)
        for b in range(len(means))
    ]
    found = GroupStatistics(
        parameters=int(alive.sum()),
        variance=float(variance.sum()),
        variance_error=_jackknife([float(v.sum()) for _, v in without]),
        snr=_ratio(mean, variance),
        snr_error=_jackknife([_ratio(m, v) for m, v in without]),
    )
    if exact is None or reference is None:
        return found
    error = variance / moments.draws
    if reference.error:
        error = error + _joined(reference.error, names)[alive] ** 2
    return _with_bias(found, mean - exact[alive], error, exact[alive], moments.draws)


def _with_bias(
    found: GroupStatistics, difference: Array, error: Array, exact: Array, draws: int
) -> GroupStatistics:
    size = float(np.linalg.norm(exact))
    total = error + (_RESOLUTION * np.abs(exact).max()) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(difference == 0, 0.0, np.abs(difference) / np.sqrt(total))
    tail = float(student.sf(t.max(), draws - 1))
    z = float(norm.isf(tail))
    bias = float(np.linalg.norm(difference))
    return GroupStatistics(
        **{
            **vars(found),
            "bias": bias,
            "bias_error": math.sqrt(float(total.sum())),
            "relative_bias": bias / size if size else math.nan,
            "bias_z": z if math.isfinite(z) else float(t.max()),
            "bias_p": min(1.0, 2 * tail * found.parameters),
        }
    )


def _ratio(mean: Array, variance: Array) -> float:
    with np.errstate(divide="ignore"):
        return float((np.abs(mean) / np.sqrt(variance)).mean()) if (mean != 0).any() else 0.0


def _pooled(means: Array, squares: Array, size: int) -> tuple[Array, Array]:
    """Mean and unbiased variance over all draws of some blocks of one size."""
    mean = means.mean(0)
    total = squares.sum(0) + size * ((means - mean) ** 2).sum(0)
    return mean, total / (len(means) * size - 1)


def _jackknife(values: list[float]) -> float:
    """Standard error from the values without each of the blocks."""
    if not np.isfinite(values).all():
        return 0.0 if len(set(values)) == 1 else math.nan
    return math.sqrt((len(values) - 1) * float(np.var(values)))


def _flat(arrays: Mapping[str, Array], names: list[str]) -> Array:
    """(blocks, P) of some parameters."""
    return np.concatenate([arrays[name].reshape(len(arrays[name]), -1) for name in names], axis=1)


def _joined(arrays: Mapping[str, Array], names: list[str]) -> Array:
    return np.concatenate([np.ravel(arrays[name]) for name in names])
