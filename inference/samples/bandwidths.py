"""Bandwidths of kernels over samples."""

from __future__ import annotations

from collections.abc import Sequence

from inference.arguments import check_positive, listed
from inference.descriptions import shown
from inference.errors import ArgumentError


def check_bandwidths(bandwidths: Sequence[float]) -> tuple[float, ...]:
    """Check bandwidths, and put them in order from the smallest to the largest.

    Raises:
        ArgumentError: if there are none, or one is not positive.
    """
    scales = tuple(listed("bandwidths", bandwidths) or ())
    if not scales:
        raise ArgumentError(
            "bandwidths must be one positive number or more, as a list such as [0.5, 1.0]; got "
            f"{shown(bandwidths)}."
        )
    for scale in scales:
        check_positive("every entry of bandwidths", scale)
    return tuple(sorted(map(float, scales)))
