"""Pareto smoothing of importance weights, through ArviZ."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from inference.posterior.arviz_library import tail_shapes


def pareto_shapes(
    log_weights: NDArray[np.float64], rounding: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The shape k of a generalised Pareto distribution fitted to the largest weights, (N,).

    Where the largest weights, as many as the fit would use, are equal up to rounding, they have no
    tail and k is minus infinity: those of the exact posterior, and of a discrete latent whose most
    heavily weighted values are often drawn. Where four or fewer draws are above the threshold of
    the fit, it is infinity: the tail was not seen.

    Args:
        log_weights: K log weights for each datum, (N, K), not NaN and below infinity.
        rounding: by how much a datum's log weights may differ for no other reason, (N,).
    """
    count = log_weights.shape[1]
    tail = math.ceil(min(count / 5, 3 * math.sqrt(count)))
    ordered = np.sort(log_weights, axis=1)
    flat = ordered[:, -1] - ordered[:, -tail - 1] <= rounding
    shapes = np.full(len(log_weights), -np.inf)
    if not flat.all():
        shapes[~flat] = tail_shapes(log_weights[~flat])
    return shapes
