"""Latents on the circle, of which a guide on the line may draw one and the same several times."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from inference.program.distributions import unwrapped
from inference.program.draws import Draws
from inference.program.structure import Structure

_LAWS = ("VonMises", "SineBivariateVonMises", "SineSkewed")
_HALF_TURN = math.pi * (1 + 1e-5)


def is_angle(fn: Any) -> bool:
    """Whether a distribution is one of angles: periodic, and one over [-pi, pi] alone."""
    return any(type(part).__name__ in _LAWS for part in unwrapped(fn))


def angles(structure: Structure) -> list[str]:
    """The latents of a datum that are angles in the model."""
    return [site.name for site in structure.weighed if site.angle and not site.observed]


def within_a_turn(value: Any) -> Any:
    """Whether angles lie in [-pi, pi], entry by entry."""
    return abs(value) <= _HALF_TURN


def counted_once(draws: Draws, structure: Structure, ops: Any) -> Draws:
    """Draws whose model has no density beyond half a turn, either way.

    A density of angles repeats with each turn, and integrates to one over [-pi, pi]. A guide on the
    line, such as a Normal, proposes z, z + 2 pi, ... as if they were different: log p(x) estimated
    with the periodic density is that of every turn together.

    Args:
        draws: the draws.
        structure: the pair's sites.
        ops: the framework's elementwise functions.
    """
    names = [n for n in angles(structure) if n in draws.values and n in draws.log_p_sites]
    if not names:
        return draws
    log_p = dict(draws.log_p_sites)
    for name in names:
        beyond = structure.gather(~within_a_turn(draws.values[name]))
        log_p[name] = ops.where(beyond > 0, -math.inf, log_p[name])
    return replace(draws, log_p_sites=log_p)
