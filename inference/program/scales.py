"""Whether all sites of a datum carry the same scale, so that it can stay outside of a logarithm.

A scale multiplies what a site costs: that of a subsampled plate, of a `scale` handler, or the
weights of rows. It belongs neither into a score, d log q, nor into an importance weight.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class TracedScale:
    """A scale whose value is not known while a program is compiled.

    Attributes:
        sources: how what the program's `scale` handlers were given is computed, one text each.
        factor: what plates, and handlers that were given a number, multiply it with.
        shape: its shape.
    """

    sources: tuple[str, ...]
    factor: float
    shape: tuple[int, ...]


def same_scale(one: Any, other: Any) -> bool:
    """Whether two scales are equal; of compiled ones, whether they are computed alike."""
    if isinstance(one, TracedScale) or isinstance(other, TracedScale):
        return one == other
    if np.shape(one) == np.shape(other) == ():
        return abs(one - other) <= 1e-6 * max(abs(one), abs(other))
    try:
        return bool(np.allclose(one, other, rtol=1e-6, atol=0))
    except ValueError:  # shapes that do not broadcast
        return False


def scale_shape(scale: Any) -> tuple[int, ...]:
    """The shape of a scale."""
    return scale.shape if isinstance(scale, TracedScale) else np.shape(scale)


def least_of(scale: Any) -> float:
    """The smallest entry of a scale, NaN if there is one; 0 of one that has no value yet."""
    if isinstance(scale, TracedScale) or not np.size(scale):
        return 0.0
    return float(np.min(scale))


def varies_within(scale: Any, shared_dims: Collection[int]) -> bool:
    """Whether a scale differs between entries of one datum.

    Args:
        scale: the scale; its dimensions are those of the site's batch, aligned to the right.
        shared_dims: the dimensions of the data's plates, negative.
    """
    shape = scale_shape(scale)
    return any(size != 1 and dim - len(shape) not in shared_dims for dim, size in enumerate(shape))


def in_words(scale: Any) -> str:
    """A scale, for a message."""
    if isinstance(scale, TracedScale):
        return "one that is computed in the program"
    return f"{float(scale):.4g}" if np.ndim(scale) == 0 else f"an array of shape {np.shape(scale)}"


def odd_one_out(
    scales: Iterable[tuple[str, Any]],
    shared_dims: Collection[int],
    same: Callable[[Any, Any], bool] = same_scale,
) -> tuple[str, str] | None:
    """The first site whose scale is not that of the first of all, with why; None if there is none.

    Args:
        scales: site names with scales.
        shared_dims: the dimensions of the data's plates, negative.
        same: how to compare two scales.
    """
    first: tuple[str, Any] | None = None
    for name, scale in scales:
        if varies_within(scale, shared_dims):
            return name, f"has a scale that differs within a datum (shape {scale_shape(scale)})"
        if first is None:
            first = name, scale
        elif not same(first[1], scale):
            return name, f"has scale {in_words(scale)} and {first[0]!r} {in_words(first[1])}"
    return None
