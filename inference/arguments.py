"""What an argument may be: a seed, a whole number, a positive one; refused by its name."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

from inference.errors import ArgumentError


def check_seed(seed: Any) -> None:
    """Check a seed.

    Raises:
        ArgumentError: if it is not a whole number that both frameworks take.
    """
    whole = isinstance(seed, numbers.Integral) and not isinstance(seed, bool)
    if not whole or not 0 <= int(seed) < 2**63:
        raise ArgumentError(f"seed must be a whole number from 0 to 2**63 - 1, got {seed!r}.")


def check_positive(name: str, value: Any, *, whole: bool = True) -> None:
    """Check an optional positive argument.

    Raises:
        ArgumentError: naming the argument.
    """
    if value is None:
        return
    right = isinstance(value, numbers.Integral if whole else numbers.Real)
    if isinstance(value, bool) or not right or not 0 < float(value) < float("inf"):
        kind = "whole number of at least 1" if whole else "positive number"
        raise ArgumentError(f"{name} must be a {kind}, got {value!r}.")


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


def check_num_particles(count: int, name: str = "num_particles", *, least: int = 1) -> int:
    """Return `count` if it is a whole number of at least `least`.

    Raises:
        ValueError: if it is not; the message names the argument.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {count!r}.")
    return count


def check_number(
    value: float, name: str, *, above: float = -math.inf, below: float = math.inf
) -> float:
    """Return `value` if it is a finite number between the two ends or at one of them.

    Raises:
        ValueError: if it is not; the message names the argument.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {value!r}.")
    if not above <= value <= below:
        allowed = f"lie in [{above}, {below}]" if math.isfinite(below) else f"be at least {above}"
        raise ValueError(f"{name} must {allowed}, got {value!r}.")
    return value


def check_flag(value: bool, name: str) -> bool:  # noqa: FBT001
    """Return `value` if it is True or False.

    Raises:
        ValueError: if it is not; the message names the argument.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False, got {value!r}.")
    return value


def check_temperature(value: float, name: str = "temperature") -> float:
    """Return `value` if it is a positive number.

    Raises:
        ValueError: if it is not; the message names the argument.
    """
    if check_number(value, name) <= 0:
        raise ValueError(f"{name} must be positive, got {value!r}.")
    return value
