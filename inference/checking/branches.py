"""Parameters that a pair uses in some of its draws alone, or at some of their values."""

from __future__ import annotations

import contextlib

import numpy as np

from inference.checking.context import Context

_DRAWS = 10  # other than the one that all checks look at


def used_elsewhere(context: Context, names: list[str]) -> set[str]:
    """Those of some parameters that have a gradient where they begin, or at other draws.

    A step away from their values, whole numbers that they hold are none any more; and a discrete
    draw of the guide may choose the branch that uses them.
    """
    found = set[str]()
    for which in ("model", "guide", "path"):
        with contextlib.suppress(Exception):  # not every pair has each of these
            slopes = context.slopes(which, along=frozenset(), shift=0.0)
            found |= {n for n in names if np.any(slopes.gradient.get(n, 0))}
    discrete = any(site.discrete for site in context.structure.proposals)
    for rng_seed in range(1, 1 + _DRAWS) if discrete and context.holds_draws else ():
        if found == set(names):
            break
        drawn = context.probe.record("guide", context.batch, rng_seed=rng_seed).drawn
        for which in ("model", "guide"):
            with contextlib.suppress(Exception):  # what it draws may differ, too
                given = which, {**context.latents, **drawn}, frozenset(names)
                slopes = context.probe.slopes(*given)
                found |= {n for n in names if np.any(slopes.gradient.get(n, 0))}
    return found
