"""What critic and generator descend, as functions of the critic's scores; for either engine."""

from __future__ import annotations

import math
from typing import Any

LOSSES = (
    "minimax",
    "non-saturating",
    "least-squares",
    "hinge",
    "wasserstein",
    "feature-matching",
)
CLASSIFIERS = ("minimax", "non-saturating", "least-squares", "feature-matching")
"""Losses whose critic aims at labels, which can be smoothed."""

_BLIND = {"least-squares": 0.25, "hinge": 2.0, "wasserstein": 0.0}


def blind(loss: str) -> float:
    """What the critic's loss is where it cannot tell data from draws."""
    return _BLIND.get(loss, 2 * math.log(2))


def critic_loss(
    loss: str, real: Any, drawn: Any, ops: Any, smooth: tuple[float, float] = (0.0, 0.0)
) -> Any:
    """The critic's loss, a scalar, from its scores a of data and b of draws, (N,) each.

        wasserstein:    -E a + E b
        hinge:          E max(0, 1 - a) + E max(0, 1 + b)
        least-squares:  1/2 E (a - 1 + r)^2 + 1/2 E (b - g)^2
        others:         cross-entropy of sigmoid(a) with 1 - r and of sigmoid(b) with g

    Args:
        loss: one of `LOSSES`.
        real: a.
        drawn: b.
        ops: the engine's functions.
        smooth: (r, g), how far the labels are off 1 and 0.
    """
    off_real, off_drawn = smooth
    if loss == "wasserstein":
        return drawn.mean() - real.mean()
    if loss == "hinge":
        return _positive(1 - real, ops).mean() + _positive(1 + drawn, ops).mean()
    if loss == "least-squares":
        return 0.5 * ((real - 1 + off_real) ** 2 + (drawn - off_drawn) ** 2).mean()
    # softplus(-a) is -log sigmoid(a), and softplus(a) - softplus(-a) is a.
    missed = ops.softplus(-real) + off_real * real
    return (missed + ops.softplus(drawn) - off_drawn * drawn).mean()


def generator_loss(loss: str, drawn: Any, ops: Any) -> Any:
    """The generator's loss, a scalar, from the critic's scores b of its draws.

    minimax:        E log(1 - sigmoid(b))
    least-squares:  1/2 E (b - 1)^2
    hinge, wasserstein:  -E b
    others:         -E log sigmoid(b)
    """
    if loss == "minimax":
        return -ops.softplus(drawn).mean()
    if loss == "least-squares":
        return 0.5 * ((drawn - 1) ** 2).mean()
    if loss in ("hinge", "wasserstein"):
        return -drawn.mean()
    return ops.softplus(-drawn).mean()


def encoder_loss(loss: str, real: Any, ops: Any) -> Any:
    """The guide's loss under a joint critic: the generator's with the two sides exchanged."""
    if loss == "least-squares":
        return 0.5 * (real**2).mean()
    return generator_loss(loss, -real, ops)


def _positive(value: Any, ops: Any) -> Any:
    return ops.where(value > 0, value, 0.0)
