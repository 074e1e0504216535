"""Expectations over sets of K weighted draws in which each draw is compared with its set.

As in `exact`: no sum over K-tuples of nodes. Coefficients are by node, (N, J), of the gradient of
log p or log q at fixed nodes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import logsumexp

from inference.estimators.certificate import exact
from inference.estimators.certificate.cases import Case
from inference.estimators.certificate.exact import SPACING, Array, laplace
from inference.estimators.certificate.sites import Arrays

_CELLS = 2**15  # of the grid on which weights are added up


def thermodynamic(case: Case, values: Arrays, x: Array, num_particles: int, betas: Array) -> Arrays:
    """E of the covariance estimator of K draws, summed over the partitions.

        sum_j (b_j+1 - b_j) sum_k w~_k [ grad log w_k + (log w_k - m) grad log(q w^b)_k ]

    with w~ the normalised w^b_j and m = sum_k w~_k log w_k, at fixed draws. The q of the last term
    is what is drawn from, whatever a mask leaves out of w.
    """
    log_mass, log_w, latents = exact.weights(case, values, x)
    by_weight, by_draw = np.zeros_like(log_w), np.zeros_like(log_w)
    for beta, width in zip(betas, np.diff(betas), strict=False):
        for n in range(len(x)):
            share, pull = _covariance(np.exp(log_mass[n]), log_w[n], beta, num_particles)
            by_weight[n] += width * (share + beta * pull)
            by_draw[n] += width * pull

    def weighed(moved: Arrays) -> float:
        log_w = case.log_p(moved, x, latents) - case.log_q(moved, x, latents)
        return float((by_weight * log_w + by_draw * case.log_drawn(moved, x, latents)).sum())

    return exact.gradient(weighed, values)


def jensen_shannon(case: Case, values: Arrays, x: Array, num_particles: int) -> Arrays:
    """E[1/2 log((1 + u) / 2) grad log q], u = w_1 / mean_k w_k, of a draw among K.

    Given z_1, E[log(sum_k w_k + K w_1) - log sum_k w_k] by Frullani's integral.
    """
    log_mass, log_w, latents = exact.weights(case, values, x)
    mass, shares = np.exp(log_mass), np.zeros_like(log_w)
    for n in range(len(x)):
        _, kernel = laplace(log_w[n] - np.asarray(logsumexp(log_mass[n] + log_w[n])))
        others = (kernel @ mass[n]) ** (num_particles - 1)
        less = kernel - kernel ** (num_particles + 1)
        shares[n] = 0.5 * mass[n] * (SPACING * (others @ less) - np.log(2))
    return exact.score(case, values, x, latents, shares)


def total_variation(case: Case, values: Arrays, x: Array, num_particles: int) -> Arrays:
    """E[1/2 sign(u - 1) grad log q], u = w_1 / mean_k w_k, of a draw among K.

    The other weights are added up on a grid, by a Fourier transform; equal ones stay equal. Of
    Gaussian latents the nodes are dense; errors are about a thousandth.
    """
    case = replace(case, order=160)
    log_mass, log_w, latents = exact.weights(case, values, x)
    mass, shares = np.exp(log_mass), np.zeros_like(log_w)
    for n in range(len(x)):
        width = np.exp(log_w[n]).max() * num_particles / (_CELLS - 1)
        cells = np.rint(np.exp(log_w[n]) / width).astype(int)
        law = np.fft.rfft(np.bincount(cells, mass[n], _CELLS))
        below = np.cumsum(np.fft.irfft(law ** (num_particles - 1), _CELLS))
        limit = (num_particles - 1) * cells
        at_most, less = below[limit], np.where(limit > 0, below[limit - 1], 0.0)
        shares[n] = 0.5 * mass[n] * (less - (1 - at_most))
    return exact.score(case, values, x, latents, shares)


def _covariance(mass: Array, log_w: Array, beta: float, count: int) -> tuple[Array, Array]:
    """E[sum_k w~_k 1(z_k = z)] and E[sum_k w~_k (log w_k - m) 1(z_k = z)] at each node z, (J,)."""
    unit = np.asarray(logsumexp(np.log(np.maximum(mass, 1e-300)) + beta * log_w))
    tempered = np.exp(np.maximum(beta * log_w - unit, -300.0))
    times, kernel = laplace(np.log(tempered))
    rest = kernel @ mass
    share = count * mass * tempered * (SPACING * (times * rest ** (count - 1)) @ kernel)
    # m times the share: the draw's own part, and that of the count - 1 others.
    own = (times**2 * rest ** (count - 1)) @ kernel * tempered * log_w
    others = (times**2 * rest ** (count - 2) * (kernel @ (mass * tempered * log_w))) @ kernel
    mean = count * mass * tempered * SPACING * (own + (count - 1) * others)
    return share, share * log_w - mean
