"""Values in messages: one short line each."""

from __future__ import annotations

import math
import reprlib
from typing import Any

_LONGEST = 120  # characters


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
