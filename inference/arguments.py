"""What an argument may be: a whole number, a positive one, one of several; refused by its name.

Each takes the argument's name and its value, and returns the value.
"""

from __future__ import annotations

import errno
import itertools
import math
import numbers
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeGuard, TypeVar, overload

import numpy as np

from inference.descriptions import said, shown
from inference.errors import ArgumentError

T = TypeVar("T")

# Above these, a loop does not end and an array does not fit: a mistake, such as a seed as a size.
_COUNTS_OF_DRAWS = ("num_particles", "num_outer", "num_draws", "num_chains")
_MOST: dict[str, int] = {**dict.fromkeys(_COUNTS_OF_DRAWS, 10**8), "hidden_dim": 10**6}
_MOST_OF_ANYTHING = 10**12
_LONGEST = 10**9  # seconds, some 31 years
_FASTEST = 1e30  # which Adam divides by 1 - beta
_LARGEST = float(np.finfo(np.float32).max)
_SMALLEST = float(np.finfo(np.float32).tiny)


@overload
def check_count(name: str, value: Any, *, least: int = 1) -> int: ...
@overload
def check_count(name: str, value: Any, *, least: int = 1, optional: bool) -> int | None: ...
def check_count(name: str, value: Any, *, least: int = 1, optional: bool = False) -> int | None:
    """Check a whole number.

    Args:
        name: of the argument.
        value: what was given.
        least: the smallest that it may be.
        optional: whether it may be None.

    Raises:
        ArgumentError: naming the argument.
    """
    if value is None and optional:
        return None
    if not _is_whole(value) or value < least:
        raise ArgumentError(
            f"{name} must be a whole number of at least {least}, got {shown(value)}."
        )
    if int(value) > (most := _MOST.get(name, _MOST_OF_ANYTHING)):
        given = f"{int(value):.3g}" if int(value) < 10**300 else "more than 10**300"
        raise ArgumentError(
            f"{name} must be at most {most:,}, got {given}: no machine gets through that."
        )
    return int(value)


@overload
def check_positive(name: str, value: Any) -> float: ...
@overload
def check_positive(name: str, value: Any, *, optional: bool) -> float | None: ...
def check_positive(name: str, value: Any, *, optional: bool = False) -> float | None:
    """Check a finite positive number.

    Args:
        name: of the argument.
        value: what was given.
        optional: whether it may be None.

    Raises:
        ArgumentError: naming the argument.
    """
    if value is None and optional:
        return None
    if value is None or not _is_finite(value) or value <= 0:
        raise ArgumentError(f"{name} must be a positive number, got {shown(value)}.")
    if name == "seconds" and value > _LONGEST:
        raise ArgumentError(
            f"seconds must be at most {_LONGEST:,}, which is 31 years, got {float(value):.3g}. "
            "Leave seconds= out and pass steps= or epochs= for a run that time does not end."
        )
    if name.endswith("learning_rate") and value > _FASTEST:
        raise ArgumentError(
            f"{name} must be at most {_FASTEST:.0e}, got {float(value):.3g}: a step of that size "
            "leaves single precision. 1e-3 is usual for Adam."
        )
    return _in_plain_numbers(name, value)


def check_number(
    name: str,
    value: Any,
    *,
    least: float = -math.inf,
    most: float = math.inf,
    positive: bool = False,
) -> float:
    """Check a finite number between the two ends, or at one of them.

    Args:
        name: of the argument.
        value: what was given.
        least: the smallest that it may be.
        most: the largest that it may be.
        positive: whether it has to be above zero.

    Raises:
        ArgumentError: naming the argument.
    """
    if not _is_finite(value):
        raise ArgumentError(f"{name} must be a finite number, got {shown(value)}.")
    if positive and value <= 0:
        raise ArgumentError(f"{name} must be positive, got {shown(value)}.")
    if not least <= value <= most:
        raise ArgumentError(
            f"{name} must {_between(least, most, positive=positive)}, got {shown(value)}."
        )
    return _in_plain_numbers(name, value)


def _between(least: float, most: float, *, positive: bool) -> str:
    """What a number must do that lies between two ends, in words."""
    if not math.isfinite(most):
        return f"be at least {least}"
    if positive and least <= 0:
        return f"be above 0 and at most {most}"
    return f"lie in [{least}, {most}]" if math.isfinite(least) else f"be at most {most}"


def check_flag(name: str, value: Any) -> bool:
    """Check that an argument is True or False.

    Raises:
        ArgumentError: naming the argument.
    """
    if not isinstance(value, bool):
        raise ArgumentError(f"{name} must be True or False, got {shown(value)}.")
    return value


def check_one_of(name: str, value: T, choices: Iterable[str]) -> T:
    """Check one of several words.

    Raises:
        ArgumentError: naming the argument and the words.
    """
    words = tuple(choices)
    if not isinstance(value, str) or value not in words:
        raise ArgumentError(f"{name} must be one of {', '.join(words)}, got {shown(value)}.")
    return value


def check_path(name: str, value: Any) -> Path:
    """Check a path of a file or a folder.

    Raises:
        ArgumentError: if it is none, or names nothing.
    """
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
        raise ArgumentError(f"{name} must be a path, such as 'runs/vae', got {shown(value)}.")
    path = os.fspath(value)
    if isinstance(path, bytes) or "\0" in path or not _is_encodable(path):
        raise ArgumentError(f"{name} must be a path of text, got {shown(value)}.")
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            raise ArgumentError(
                f"{name} must be a path that the system takes, and of {shown(value)} it says: "
                f"{error.strerror}."
            ) from error
    return Path(path)


def check_seed(seed: Any) -> int:
    """Check a seed.

    Raises:
        ArgumentError: if it is not a whole number that both frameworks take.
    """
    if not _is_whole(seed) or not 0 <= int(seed) < 2**63:
        raise ArgumentError(f"seed must be a whole number from 0 to 2**63 - 1, got {shown(seed)}.")
    return int(seed)


def check_text(name: str, value: Any) -> str:
    """Check a word or a pattern.

    Raises:
        ArgumentError: if it is no string, or holds what no line shows.
    """
    if not isinstance(value, str) or not value.isprintable():
        raise ArgumentError(f"{name} must be a string of one line, got {shown(value)}.")
    return value


def _is_encodable(path: str) -> bool:
    """Whether the system has bytes for a path, as for half a surrogate it has not."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True


_MOST_ENTRIES = 10**5  # of a list of settings


def listed(name: str, value: Any) -> list[Any] | None:
    """The entries of a list, a tuple, a set, an array or an iterator; None if it is none of them.

    Words and mappings are no lists of anything.

    Raises:
        ArgumentError: if it does not end, or raises.
    """
    words = isinstance(value, (str, bytes, bytearray, memoryview, Mapping))
    if words or not isinstance(value, Iterable) or getattr(value, "shape", (1,)) == ():
        return None
    try:
        found = list(itertools.islice(value, _MOST_ENTRIES + 1))
    except Exception as error:  # of a class or a generator of the user's
        raise ArgumentError(
            f"{name} cannot be gone through: {shown(value)} raises {type(error).__name__}: "
            f"{said(error)}."
        ) from error
    if len(found) > _MOST_ENTRIES:
        raise ArgumentError(f"{name} must have at most {_MOST_ENTRIES:,} entries, got more.")
    return found


def called(name: str, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """What a function of the user's answers.

    Raises:
        ArgumentError: if it cannot be called so. Its own errors are raised as they are.
    """
    try:
        return function(*args, **kwargs)
    except TypeError as error:
        if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
            raise
        given = [shown(value) for value in args] + [f"{key}=" for key in kwargs]
        raise ArgumentError(
            f"{name} is called with ({', '.join(given)}), which {shown(function)} does not take: "
            f"{error}."
        ) from error


def _in_plain_numbers(name: str, value: Any) -> Any:
    """A real number of a kind that a framework does not know, such as a fraction, as a float.

    So is a whole number beyond 64 bits.

    Raises:
        ArgumentError: if it is too large for single precision, or nearer to zero than that holds.
    """
    if 0 < abs(value) < _SMALLEST:
        raise ArgumentError(
            f"{name} must be zero or at least {_SMALLEST:.3g} in size, the smallest number in "
            f"single precision, got {float(value):.3g}, which is zero there."
        )
    if abs(value) > _LARGEST:
        raise ArgumentError(
            f"{name} must be at most {_LARGEST:.3g} in size, the largest number in single "
            f"precision, got {float(value):.3g}."
        )
    if isinstance(value, int) and abs(value) >= 2**63:
        return float(value)
    return value if isinstance(value, (int, float, np.generic)) else float(value)


def _is_whole(value: Any) -> TypeGuard[int]:
    """Whether it is a whole number; for numpy a length of time is one, too."""
    return isinstance(value, numbers.Integral) and not isinstance(value, (bool, np.timedelta64))


def _is_finite(value: Any) -> bool:
    """Whether a value is a finite real number."""
    if not isinstance(value, numbers.Real) or isinstance(value, (bool, np.timedelta64)):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:  # of a whole number beyond all floats
        return False
