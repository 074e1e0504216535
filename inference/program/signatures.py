"""What a program can be called with, as far as it says."""

from __future__ import annotations

import inspect
from typing import Any


def signature_of(function: Any) -> inspect.Signature | None:
    """The signature of a function, or of a network's `forward`; None where it cannot be told."""
    try:
        return inspect.signature(getattr(function, "forward", function))
    except (TypeError, ValueError):
        return None


def model_signature(pair: Any) -> inspect.Signature | None:
    """What the model of a pair, or of a fitted one, is called with; None if it cannot be told."""
    pair = getattr(pair, "wrapped", pair)  # of a fitted one, whose own model takes anything
    return signature_of(pair[0] if isinstance(pair, tuple) else getattr(pair, "model", None))


def takes(signature: inspect.Signature, *args: Any) -> bool:
    """Whether a call with such arguments by position fits a signature."""
    try:
        signature.bind(*args)
    except TypeError:
        return False
    return True


def names_taken(signature: inspect.Signature) -> set[str] | None:
    """The arguments that can be given by name; None where that may be any."""
    known = signature.parameters
    return None if any(p.kind is p.VAR_KEYWORD for p in known.values()) else set(known)
