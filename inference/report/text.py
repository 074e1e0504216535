"""Strings and numbers on their way into HTML."""

from __future__ import annotations

import json
import re
from typing import Any

from markupsafe import Markup

# What HTML cannot hold, or no reader can see: control characters but tab and line feed.
_INVISIBLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
_AWAKE = {ord(mark): f"\\u{ord(mark):04x}" for mark in "<>&'"}


def as_shown(text: str) -> str:
    """The text as a page can show it, so that a browser reads back the same text.

    Control characters and halves of surrogate pairs become U+FFFD, the mark for what cannot be
    shown; line ends become line feeds. Nothing else changes: escaping is not done here.
    """
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _INVISIBLE.sub("\ufffd", whole.replace("\r\n", "\n").replace("\r", "\n"))


def finalize(value: Any) -> Any:
    """What Jinja2 does to each value before it escapes it; markup of our own stays as it is."""
    return as_shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def as_json(value: Any) -> Markup:
    """JSON for a script element: no character that HTML acts on, none beyond ASCII, no NaN.

    Raises:
        ValueError: if a number is not finite.
    """
    text = json.dumps(_shown(value), allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(_AWAKE))


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return as_shown(value)
    if isinstance(value, dict):
        return {name: _shown(each) for name, each in value.items()}
    return [_shown(each) for each in value] if isinstance(value, list) else value
