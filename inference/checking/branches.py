"""Parameters that a pair uses in some of its draws alone."""

from __future__ import annotations

import contextlib

import numpy as np

from inference.checking.context import Context

_DRAWS = 10  # other than the one that all checks look at


def used_elsewhere(context: Context, names: list[str]) -> set[str]:
    """Those of some parameters that have a gradient at other draws of the guide.

    A discrete draw may choose the branch that uses them.
    """
    found = set[str]()
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
