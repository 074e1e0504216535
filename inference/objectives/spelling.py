"""Objectives and their settings as words: in messages, and in the form of strings and specs."""

from __future__ import annotations

import inspect
from typing import Any

from inference.program.surrogate import Surrogate


def in_words(setting: Any) -> Any:
    """A setting as it is; of a network of either engine its class, with what it was built of.

    A value with a short form, `spelling`, is that.
    """
    if setting is None or isinstance(setting, (bool, int, float, str, tuple)):
        return setting
    if isinstance(short := getattr(setting, "spelling", None), str):
        return short
    built_of = getattr(setting, "hyperparameters", None)
    return f"{type(setting).__name__}({built_of or ''})"


def unusual(objective: Any) -> dict[str, Any]:
    """An objective's settings in words, without those that are as they are when left out."""
    usual = inspect.signature(type(objective)).parameters
    given = {n: v for n, v in objective.arguments().items() if v is not usual[n].default}
    return {n: w for n, v in given.items() if (w := in_words(v)) != usual[n].default}


def describe_objective(objective: Any) -> str:
    """The string form of an objective, without settings that are the usual ones.

    The libraries' own losses are named by their class and settings.
    """
    if isinstance(objective, Surrogate):
        settings, prefix = unusual(objective), type(objective).__name__.lower()
    else:
        plain = (bool, int, float, str)
        settings = {
            name: value
            for name, value in sorted(getattr(objective, "__dict__", {}).items())
            if isinstance(value, plain) and not name.startswith("_")
        }
        prefix = f"{type(objective).__module__}.{type(objective).__name__}"
    words = ",".join(f"{name}={_quoted(value)}" for name, value in settings.items())
    return f"{prefix}:{words}" if words else prefix


def _quoted(value: Any) -> Any:
    """A word with a comma in quotes, so that it is read as one."""
    return repr(value) if isinstance(value, str) and "," in value and "(" not in value else value
