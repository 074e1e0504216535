"""What a model draws that observes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inference.errors import ObjectiveError


def rows_drawn(returned: Any, computed: Mapping[str, Any]) -> Any:
    """The rows that a generator z -> g(z) draws: what it returns, or what it says to compute.

    Args:
        returned: what the model returned.
        computed: the values of its deterministic statements, by name.

    Raises:
        ObjectiveError: if it returns no array and has not just one such statement.
    """
    if hasattr(returned, "shape"):
        return returned
    if len(computed) == 1:
        return next(iter(computed.values()))
    names = ", ".join(repr(name) for name in computed) or "none"
    raise ObjectiveError(
        "the model observes nothing, so that its draws are what it returns, or its one "
        f"deterministic statement; it returned {type(returned).__name__} and has the "
        f"deterministic statements: "
        f"{names}. Return the rows, one for each datum."
    )


def check_means(returned: Any, drawn: Any, name: str) -> None:
    """Check that what a model returns can be the mean of what it draws as data.

    Args:
        returned: what the model returned.
        drawn: the value of the site that makes the data.
        name: that site's.

    Raises:
        ObjectiveError: if it is no array of the same shape.
    """
    came = tuple(returned.shape) if hasattr(returned, "shape") else None
    if came != tuple(drawn.shape):
        raise ObjectiveError(
            "draw='mean' compares the mean of the likelihood with the data, which is what "
            f"model(None, size=n) returns, of shape {tuple(drawn.shape)} as the draw of {name!r}; "
            f"it returned {type(returned).__name__ if came is None else f'shape {came}'}. Return "
            "that mean, or use draw='sample' or draw='score'."
        )


def by_row(log_p: Any, size: int) -> Any:
    """A log density summed to the rows that were drawn, (size,): their plate is the rightmost."""
    axes = [axis for axis, length in enumerate(log_p.shape) if length == size]
    if not axes:
        raise ObjectiveError(
            f"draw='score' weighs each of {size} rows that the model draws, but a log density has "
            f"shape {tuple(log_p.shape)}; draw all of them inside of the plate of the rows."
        )
    rest = tuple(axis for axis in range(log_p.ndim) if axis != axes[-1])
    return log_p.sum(rest) if rest else log_p
