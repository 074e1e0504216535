"""Values in messages: one short line each."""

from __future__ import annotations

import math
import reprlib
from typing import Any

import numpy as np

_LONGEST = 120  # characters
_DEEPEST = 20  # lists in lists


def shown(value: Any) -> str:
    """A value in one short line; an array by its shape.

    Args:
        value: anything, also what has no representation.
    """
    try:
        shape = getattr(value, "shape", None)
        if isinstance(shape, tuple) and hasattr(value, "dtype") and math.prod(shape) > 8:
            return f"{type(value).__name__} of shape {shape} and dtype {value.dtype}"
    except Exception:  # of what raises when it is asked for an attribute
        return f"an object of type {type(value).__name__}"
    short = reprlib.Repr()
    short.maxstring = short.maxother = _LONGEST
    short.maxlist = short.maxtuple = short.maxset = short.maxdict = 8
    try:
        said = " ".join(short.repr(value).split())
    except Exception:  # of a class of the user's, or a number of thousands of digits
        return f"an object of type {type(value).__name__}"
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}..."


def check_word(name: str, value: Any) -> str:
    """Return `value` if it is a string.

    Raises:
        ValueError: if it is not; the message names the argument.
    """
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a string, got {shown(value)}.")
    return value


def of_python(name: str, value: Any, _depth: int = 0) -> Any:
    """A number of NumPy as one of Python, also within lists; anything else as it is.

    Raises:
        ValueError: if a list holds itself, or lies in more lists than an option has; the message
            names the argument.
    """
    if isinstance(value, np.generic):  # a length of time is no number of Python
        return value if isinstance(value, (np.timedelta64, np.datetime64)) else value.item()
    if type(value) not in (list, tuple):
        return value
    if _depth > _DEEPEST:
        raise ValueError(
            f"{name} must have at most {_DEEPEST} lists within each other, got more, or one that "
            "holds itself."
        )
    return type(value)(of_python(name, each, _depth + 1) for each in value)
