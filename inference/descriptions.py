"""Pairs, values and versions in terms of JSON: what specs and records of draws say of them."""

from __future__ import annotations

import functools
import importlib.metadata
import inspect
import math
import numbers
import reprlib
import sys
from typing import Any

import numpy as np

_PACKAGES = ("torch", "pyro-ppl", "jax", "numpyro", "flax", "optax", "numpy")


def plain(value: Any) -> Any:
    """A value in terms of JSON; what has none is named by its type."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return float(value) if isinstance(value, numbers.Real) else name_of(value)  # a fraction


class _Short(reprlib.Repr):
    """Representations that fit into a sentence."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 120
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = 8

    def repr_int(self, x: int, level: int) -> str:
        """A whole number; of one that Python does not write out, how long it is."""
        if abs(x) < 10**40:
            return super().repr_int(x, level)
        return f"a whole number of about {int(x.bit_length() * 0.30103) + 1:,} digits"

    def repr_instance(self, x: Any, level: int) -> str:
        """Anything else, by its type where it cannot say what it is."""
        try:
            said = repr(x)
        except Exception:  # of a class of the user's
            return f"an object of type {type(x).__name__}"
        return said if len(said) <= self.maxother else f"{said[: self.maxother - 3]}..."


def shown(value: Any) -> str:
    """A value in one short line, for a message; an array by its shape."""
    if has(value, "shape", "dtype"):
        try:
            if math.prod(value.shape) > 8:
                return f"{type(value).__name__} of shape {value.shape} and dtype {value.dtype}"
        except Exception:  # of a shape that is none
            return f"an object of type {type(value).__name__}"
    return " ".join(_Short().repr(value).split())


_MOST_WORDS = 2000  # letters of an error's text, which may quote all of the data
_NOBODYS = "_a_name_that_nobody_gave"


def has(value: Any, *names: str) -> bool:
    """Whether a value has all of these attributes, and not whichever it is asked for.

    A mock has, and `torch.ops`: what they answer says nothing. What raises another error than an
    AttributeError when it is asked, as a closed file of arrays does, has none.
    """
    try:
        return all(hasattr(value, name) for name in names) and not hasattr(value, _NOBODYS)
    except Exception:
        return False


def answers_anything(value: Any) -> bool:
    """Whether a value has any attribute that it is asked for, as a mock has."""
    try:
        return hasattr(value, _NOBODYS)
    except Exception:
        return False


def words_of(error: BaseException) -> str:
    """All that an error says, as far as it can say it, and in no more than a page."""
    try:
        words = str(error)
    except Exception:  # an error of the user's, which hides none of what went wrong before
        return "it does not say what"
    return words if len(words) <= _MOST_WORDS else f"{words[:_MOST_WORDS]}..."


def raised(error: BaseException) -> str:
    """An error's type and all that it says."""
    kind, words = type(error).__name__, words_of(error)
    return f"{kind}: {words}" if words.strip() else kind


def first_line(error: BaseException) -> str:
    """What an error says, in one line without a full stop."""
    lines = words_of(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else "no message"


def said(error: BaseException) -> str:
    """What an error says, in one line without a full stop; its type where it says nothing."""
    return first_line(error) if words_of(error).strip() else type(error).__name__


def name_of(value: Any) -> str:
    """Module and name of an object, or of its class."""
    while isinstance(value, functools.partial):
        value = value.func
    kind = value if inspect.isroutine(value) or isinstance(value, type) else type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


def describe_pair(pair: Any, engine: str) -> dict[str, Any]:
    """The pair's class and hyperparameters, or the names of its functions."""
    pair = getattr(pair, "wrapped", pair)
    if isinstance(pair, tuple):
        names = [getattr(part, "__qualname__", type(part).__qualname__) for part in pair]
        return {"engine": engine, "functions": names}
    kind = type(pair)
    weights = getattr(pair, "pretrained", None)  # older specs do not know the word
    return {
        "engine": engine,
        "class": f"{kind.__module__}:{kind.__qualname__}",
        "hyperparameters": plain(getattr(pair, "hyperparameters", None)),
        **({} if weights is None else {"pretrained": str(weights)}),
    }


def versions() -> dict[str, str]:
    """Versions of Python and of what the numbers depend on."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in _PACKAGES:
        found[package] = importlib.metadata.version(package)
    return found
