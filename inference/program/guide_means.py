"""The guide's mean of each latent, from looks at the guide in either framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.program.distributions import innermost, says

Sites = Mapping[str, Any]


def guide_means(
    look: Callable[[Sites], Sites],
    mode: Callable[[Any], Any],
    average: Callable[[Sites, list[str]], Mapping[str, Any]],
    array: Callable[[Any], NDArray[Any]],
) -> dict[str, NDArray[Any]]:
    """E[z] of each latent of a guide, a category's mode, or else the average of some draws.

    Of whole numbers that have neither it is a draw, which may be an index.

    What the guide draws after a category is looked at given its mode. A latent that the guide
    computes of an auxiliary draw, as autoguides do, has its mean over those draws; auxiliary draws
    are left out.

    Args:
        look: from latents at values to the sites of one run of the guide.
        mode: of a site the most likely category; None of other sites.
        average: from latents at values, and names, to these latents' averages over draws; of whole
            numbers to a draw.
        array: makes a numpy array.
    """
    found = look({})
    modes = {name: kept for name, site in found.items() if (kept := mode(site)) is not None}
    found = look(modes) if modes else found
    own = {n: s for n, s in found.items() if not (s["infer"] or {}).get("is_auxiliary")} or found
    computed = len(own) < len(found)
    known: dict[str, Any] = dict(modes)
    for name, site in own.items():
        if name not in modes and not (computed and _is_point(site["fn"])):
            known[name] = _mean(site["fn"])
    drawn = [name for name in own if known.get(name) is None]
    known |= average(modes, drawn) if drawn else {}
    return {name: np.asarray(array(known[name])) for name in own}


def _is_point(fn: Any) -> bool:
    return type(innermost(fn)).__name__ == "Delta" or says(fn, "point")


def _mean(fn: Any) -> Any:
    """The mean that a distribution says it has; None where it says none."""
    try:
        return fn.mean
    except NotImplementedError:
        return None
