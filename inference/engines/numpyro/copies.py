"""A pair on NumPyro to be looked at while it stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jax import random
from numpyro.handlers import block, seed

from inference.engines.numpyro.autoguides import Untouched, unprepared
from inference.engines.numpyro.pairs import as_array, parts
from inference.engines.numpyro.pairs import on_arrays as on_these
from inference.program.batches import Form, OnArrays, whole


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


def on_arrays(pair: Any, form: Form, rows: tuple[Any, ...] = ()) -> Any:
    """The pair as one whose model and guide take the arrays of a batch alone.

    Args:
        pair: the pair.
        form: how the arrays make up what model and guide take.
        rows: all rows that it is then asked about. What runs on them make of an autoguide among
            bare functions, which has not run yet, is kept apart.
    """
    pair = on_these(pair, form)
    if not rows or not isinstance(pair, tuple):
        return pair
    twin = untouched_parts(pair)
    if twin != pair:
        with block():
            seed(twin[1], random.PRNGKey(0))(*map(as_array, rows))
    return twin
