"""Standard errors of means, also where a row has no density and its logarithm is -inf."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def over_data(per_datum: NDArray[np.float64]) -> float:
    """Standard error of a mean over the data: their standard deviation over the root of N.

    It is NaN of one datum, which has no spread, and inf where a value is -inf: another test set may
    have no such row, so that its mean may lie anywhere above.
    """
    if len(per_datum) < 2:
        return math.nan
    if np.isinf(per_datum).any():
        return math.inf
    return float(per_datum.std(ddof=1) / math.sqrt(len(per_datum)))


def over_draws(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard error of each datum's mean over K draws, from (K, N) to (N,); likewise inf."""
    endless = np.isinf(values).any(0)
    spread = np.where(endless, 0.0, values).std(0, ddof=1) / math.sqrt(len(values))
    return np.where(endless, math.inf, spread)


def said_of(per_datum: NDArray[np.float64]) -> str:
    """Which rows are -inf, for a line that shows a mean; empty where none is."""
    rows = np.flatnonzero(np.isneginf(per_datum))
    if not len(rows):
        return ""
    shown = ", ".join(map(str, rows[:5])) + (", ..." if len(rows) > 5 else "")
    return f"no density in {len(rows)} of {len(per_datum)} rows: {shown}"
