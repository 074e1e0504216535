"""Copies of a pair on NumPyro, to be looked at while the pair stays as it is."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from numpyro.infer.autoguide import AutoGuide

from inference.engines.numpyro.pairs import parts
from inference.program.batches import OnArrays, whole


def untouched_parts(pair: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The model and the guide, for a look at some rows that leaves nothing behind in the guide.

    An autoguide is made for the rows of its first run, so that until then a copy runs in its place.
    """
    model, guide = parts(pair)
    own: Any = whole(guide)
    if isinstance(own, AutoGuide) and own.prototype_trace is None:
        twin = copy.deepcopy(own, {id(own.model): own.model})
        on = guide if isinstance(guide, OnArrays) else None
        return model, twin if on is None else OnArrays(twin, on.form, on.convert)
    return model, guide
