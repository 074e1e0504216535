"""Checks on what a user gives a pair's constructor; they import no framework."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

ACTIVATIONS = ("tanh", "relu", "softplus", "elu", "silu")


def check_size(name: str, size: int) -> int:
    """Return `size` if it is a positive whole number.

    Raises:
        ValueError: if it is not; the message names the argument.
    """
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {size!r}.")
    return size


def check_sizes(name: str, sizes: Iterable[int]) -> tuple[int, ...]:
    """Return `sizes` as a tuple if each is a positive whole number; it may be empty.

    Raises:
        ValueError: if one is not; the message names the argument.
    """
    if isinstance(sizes, (str, int)):
        raise ValueError(f"{name} must be a sequence of sizes such as (200, 200), got {sizes!r}.")
    return tuple(check_size(f"every entry of {name}", size) for size in sizes)


def check_choice(name: str, value: str, choices: Sequence[str]) -> str:
    """Return `value` if it is one of `choices`.

    Raises:
        ValueError: if it is not; the message names the argument and the choices.
    """
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}; got {value!r}.")
    return value


def check_positive(name: str, value: float) -> float:
    """Return `value` if it is finite and positive.

    Raises:
        ValueError: if it is not; the message names the argument.
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 < value < float("inf"):
        raise ValueError(f"{name} must be positive and finite, got {value!r}.")
    return value


def check_seed(seed: int) -> int:
    """Return `seed` if both frameworks take it.

    Raises:
        ValueError: if it is not a whole number from 0 to 2^32 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"seed must be a whole number from 0 to 2^32 - 1, got {seed!r}.")
    return seed
