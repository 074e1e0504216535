"""A pair on NumPyro to be looked at while it stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from inference.engines.numpyro.autoguides import Untouched, unprepared
from inference.engines.numpyro.pairs import parts
from inference.program.batches import OnArrays, whole


def untouched_parts(pair: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The model and the guide, for a look at some rows that leaves nothing behind in the guide.

    An autoguide is made for the rows of its first run, so that until then these keep what they
    make of it to themselves.
    """
    model, guide = parts(pair)
    new = unprepared(guide)
    if not new:
        return model, guide
    twin = Untouched(whole(guide), new)
    on = guide if isinstance(guide, OnArrays) else None
    return model, twin if on is None else OnArrays(twin, on.form, on.convert)
