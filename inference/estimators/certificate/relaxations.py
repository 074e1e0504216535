"""The exact gradient of relaxed (Concrete) and straight-through draws of discrete latents."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.polynomial.legendre import leggauss, legvander
from numpy.typing import NDArray
from scipy.special import expit, logit, softmax

from inference.estimators.certificate.cases import Case
from inference.estimators.certificate.exact import gradient
from inference.estimators.certificate.quadrature import normal_nodes, stacked, walk
from inference.estimators.certificate.sites import Arrays

Array = NDArray[np.float64]


def concrete(case: Case, values: Arrays, x: Array, temperature: float, *, hard: bool) -> Arrays:
    """The gradient of E_u[log p(x, s) - log q(s | x)] by every parameter, s relaxed by noise u.

        Bernoulli: s = sigmoid((a + logit u) / T)     one-hot: s = softmax((a + Gumbels) / T)

    Later sites take the relaxed s as input, and log densities extend linearly in s. With `hard` the
    value is b = [a + logit u > 0] (one-hot: of the largest) with the slope of s at the same noise:
    s is replaced by b + s - stop(s).

    Relative errors: for Bernoulli sites 1e-8 at any T <= 1; for one-hot sites, of three classes,
    3e-8 at T = 0.5 or 1, else 1e-5. Above T = 1 relaxed draws have infinite slopes in u: 1e-4.
    """
    if not hard:
        return gradient(lambda moved: _relaxed(case, moved, x, temperature), values)
    return gradient(_straight_through(case, values, x, temperature), values)


def _relaxed(case: Case, values: Arrays, x: Array, temperature: float) -> float:
    """E_u[log p(x, s) - log q(s | x)]."""
    mass, known = np.ones(()), {"x": x}
    for site in case.guide:
        parameters = site.parameters(values, known)
        if site.kind == "normal":
            log_extra, known[site.name] = normal_nodes(site, parameters, case.order)
            extra = np.exp(log_extra)
        elif site.kind == "bernoulli":
            extra, known[site.name] = _bernoulli_nodes(parameters, temperature)
        else:
            extra, known[site.name] = _one_hot_nodes(parameters, temperature)
        mass = mass * extra
    return _expectation(case, values, mass, known)


def _straight_through(
    case: Case, values: Arrays, x: Array, temperature: float
) -> Callable[[Arrays], float]:
    """Sum over the hard states b at `values` of log w at b + E_u[s(moved) - s(values) | b].

    log w is linear to first order in the small shift of s, so that the shift's mean given b is as
    good as the shift itself in a central difference.
    """
    log_mass, forward = walk(case.guide, values, {"x": x}, case.order)

    def bound(moved: Arrays) -> float:
        known: Arrays = {"x": x}
        for site in case.guide:
            old, new = site.parameters(values, forward), site.parameters(moved, known)
            if site.kind == "normal":
                eps = (forward[site.name] - old[0]) * np.exp(-old[1])
                known[site.name] = new[0] + np.exp(new[1]) * eps
            else:
                shift = _bernoulli_shift if site.kind == "bernoulli" else _one_hot_shift
                state = forward[site.name]
                known[site.name] = state + shift(state, old, new, temperature)
        return _expectation(case, moved, np.exp(log_mass), known)

    return bound


def _expectation(case: Case, values: Arrays, mass: Array, known: Arrays) -> float:
    return float((mass * case.log_w(values, known)).sum())


def _bernoulli_nodes(logits: Array, temperature: float, levels: int = 10) -> tuple[Array, Array]:
    """Signed masses (M, ...) and nodes (M, 1, ..., size) for smooth functions of relaxed s.

    A function of one s in [0, 1] is its interpolation polynomial at fixed levels; the masses are
    the expectations of the Lagrange polynomials, by the trapezoidal rule in the logistic noise.
    """
    spacing = 0.8 * min(temperature, 1.0)
    noise = np.arange(-26.0, 26.0, spacing)
    s = expit((logits[..., None] + noise) / temperature)
    moments = spacing * (expit(noise) * expit(-noise)) @ legvander(2 * s - 1, levels - 1)
    points = leggauss(levels)[0]
    single = moments @ np.linalg.inv(legvander(points, levels - 1))  # (..., size, levels)
    size = logits.shape[-1]
    chosen = np.stack(np.meshgrid(*[np.arange(levels)] * size), axis=-1).reshape(-1, size)
    each = [single[..., entry, chosen[:, entry]] for entry in range(size)]
    masses = np.moveaxis(np.prod(each, axis=0), -1, 0)
    return masses, stacked((points[chosen] + 1) / 2, logits.ndim - 1)


def _one_hot_nodes(logits: Array, temperature: float) -> tuple[Array, Array]:
    """Masses (M, 1, ...) and nodes (M, ..., 3) of a relaxed one-hot vector of three classes."""
    thirds = [_triangle(np.full(3, 1 / 3), chosen) for chosen in range(3)]
    masses, simplex = (np.concatenate(parts) for parts in zip(*thirds, strict=True))
    rank = logits.ndim - 1
    nodes = softmax((logits - np.log(stacked(simplex, rank))) / temperature, axis=-1)
    return stacked(masses / 3, rank), nodes


def _bernoulli_shift(state: Array, old: Array, new: Array, temperature: float) -> Array:
    """E[sigmoid((new + logit u) / T) - sigmoid((old + logit u) / T) | [old + logit u > 0]]."""
    mass, unit = _unit(48)
    split = expit(-old)
    rank = np.broadcast(state, new).ndim
    part = stacked(unit, rank)
    noise = logit(np.where(state == 1, split + (1 - split) * part, split * part))
    shift = expit((new + noise) / temperature) - expit((old + noise) / temperature)
    return np.einsum("m,m...->...", mass, shift)


def _one_hot_shift(state: Array, old: Array, new: Array, temperature: float) -> Array:
    """As `_bernoulli_shift`, of three classes, given the largest of old + Gumbels."""
    shift = np.zeros(np.broadcast_shapes(state.shape, new.shape))
    for chosen in range(3):
        mass, simplex = _triangle(softmax(old, axis=-1), chosen)
        noise = -np.log(simplex)
        moved, still = (softmax((a + noise) / temperature, axis=-1) for a in (new, old))
        shift += state[..., chosen, None] * np.einsum("m,m...->...", mass, moved - still)
    return shift


def _unit(order: int) -> tuple[Array, Array]:
    """Gauss-Legendre masses and nodes of the uniform distribution on [0, 1]."""
    points, masses = leggauss(order)
    return masses / 2, (points + 1) / 2


def _triangle(apex: Array, chosen: int) -> tuple[Array, Array]:
    """Masses (M,) and nodes (M, ..., 3) of the triangle between the apex and two corners.

    Gumbels are -log of exponentials, and three exponentials over their sum are uniform on the
    simplex. Where the apex is softmax(a), entry `chosen` of a + Gumbels is the largest just in the
    triangle away from that corner. s varies at a corner with the direction only, so both halves of
    the triangle take polar nodes about theirs.
    """
    mass, unit = _unit(24)
    radius, angle = (stacked(grid.ravel(), apex.ndim) for grid in np.meshgrid(unit, unit))
    corners = np.delete(np.eye(3), chosen, axis=0)
    halves = [
        corner + radius * ((1 - angle) * (apex - corner) + angle * (corners.mean(0) - corner))
        for corner in corners
    ]
    masses = np.outer(mass, mass * unit).ravel()  # of angle, radius
    return np.tile(masses, 2), np.concatenate(halves)
