"""Checks on the settings of sample metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inference.errors import ArgumentError
from inference.training.arguments import check_positive


def check_given(name: str, value: Any, *, whole: bool = True) -> None:
    """Check a positive argument that must be given.

    Raises:
        ArgumentError: naming the argument.
    """
    if value is None:
        kind = "whole number of at least 1" if whole else "positive number"
        raise ArgumentError(f"{name} must be a {kind}, got None.")
    check_positive(name, value, whole=whole)


def checked_bandwidths(bandwidths: Sequence[float]) -> tuple[float, ...]:
    """Bandwidths from the smallest to the largest.

    Raises:
        ArgumentError: if there are none, or one is not positive.
    """
    scales = tuple(bandwidths)
    if not scales:
        raise ArgumentError("bandwidths must be one positive number or more, got none.")
    for scale in scales:
        check_given("every entry of bandwidths", scale, whole=False)
    return tuple(sorted(map(float, scales)))
