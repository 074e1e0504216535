"""What to do about exceptions of a user's program, by what libraries say of the commonest."""

from __future__ import annotations

import re

from inference.program.records import raising_text

_TWICE = re.compile(r"Multiple sample sites named|must have unique names")
_TOO_MANY = re.compile(r"takes .*positional arguments? but \d+ were given")
_BY_NAME = re.compile(r"""\[\s*\[?\s*["']""")


def remedy_of(error: BaseException, otherwise: str) -> str:
    """What to do about an exception of a pair's, where its words or its line tell.

    Args:
        error: what was raised.
        otherwise: what to do about anything else.
    """
    said = str(error)
    if "dtype" in said and re.search(r"\b(Long|Int|Short|Byte|Bool)\b", said):
        return (
            "Whole numbers stay whole numbers, as a likelihood of counts wants them; where a "
            "network takes them, write x.float(), or pass the data as float32."
        )
    if _TWICE.search(said):
        return (
            "Give each statement a name of its own. A plate that is opened again is made once and "
            "kept: rows = plate('rows', n), then `with rows:` each time."
        )
    if isinstance(error, (IndexError, TypeError)) and _BY_NAME.search(raising_text(error)):
        return (
            "A table is handed on as an array of its columns; for a program that takes them by "
            "name pass a dictionary of arrays, {name: table[name].to_numpy() for name in table}."
        )
    if isinstance(error, TypeError) and _TOO_MANY.search(said):
        return (
            "A tuple holds arguments by position; one that is a single argument goes into another: "
            "((a, b),)."
        )
    return otherwise
