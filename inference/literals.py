"""Values as words, the same in `--set` and in an objective's settings."""

from __future__ import annotations

import ast
import re
from typing import Any

_COMMA = re.compile(  # outside of brackets and of quotes
    r""",(?![^(\[]*[)\]])(?=(?:[^'"]*['"][^'"]*['"])*[^'"]*$)"""
)


def literal(text: str) -> Any:
    """A Python literal, or `true` or `false`; any other word is a string."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError):
        return {"true": True, "false": False}.get(text, text)


def spelled(text: str) -> tuple[str, dict[str, Any]]:
    """Name and settings of `"name:keyword=value,keyword=value"`.

    Raises:
        ValueError: if a setting has no value, or is given twice.
    """
    name, _, rest = text.partition(":")
    settings: dict[str, Any] = {}
    for item in filter(None, map(str.strip, _COMMA.split(rest))):
        key, equals, value = item.partition("=")
        if not equals:
            raise ValueError(f"write {item!r} as keyword=value.")
        if key.strip() in settings:
            raise ValueError(f"{key.strip()!r} is given twice.")
        settings[key.strip()] = literal(value.strip())
    return name, settings
