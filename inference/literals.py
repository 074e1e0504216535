"""Values as words, the same in `--set` and in an objective's settings."""

from __future__ import annotations

import ast
from typing import Any


def literal(text: str) -> Any:
    """A Python literal, or `true` or `false`; any other word is a string."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError):
        return {"true": True, "false": False}.get(text, text)
