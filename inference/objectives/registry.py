"""Which objectives there are, by name, and how a string becomes one of them.

The package's own are listed in `inference.objectives`.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from inference.errors import ArgumentError
from inference.literals import literal

if TYPE_CHECKING:
    from inference.objectives._objective import Objective
    from inference.program.structure import Structure

_COMMA = re.compile(r",(?![^(\[]*[)\]])")  # outside of brackets
_OWN: dict[str, type[Objective]] = {}


def enlist(kinds: Iterable[type[Objective]]) -> None:
    """Make classes known as the package's own, in this order, by their names in small letters."""
    _OWN.update({kind.__name__.lower(): kind for kind in kinds})


def own_kinds() -> tuple[type[Objective], ...]:
    """The package's own classes."""
    return tuple(_OWN.values())


def kinds() -> dict[str, type[Objective]]:
    """The classes by the names that strings call them."""
    return dict(_OWN)


def examples() -> tuple[Objective, ...]:
    """One of each, with usual settings."""
    return tuple(kind.example() for kind in kinds().values())


def refusals(structure: Structure) -> dict[str, str | None]:
    """By the name of its class, why each objective does not fit a pair; None where it does."""
    return {type(each).__name__: each.refusal(structure) for each in examples()}


def parse_objective(text: str) -> Objective:
    """Build an objective from a string such as `"iwae:num_particles=5"`.

    Args:
        text: a name, then optionally a colon and `keyword=value` pairs separated by commas.

    Raises:
        ArgumentError: if the name or a keyword is unknown, or a value is missing or not right.
    """
    name, _, rest = text.partition(":")
    cls = _named(name)
    keywords: dict[str, Any] = {}
    for item in filter(None, map(str.strip, _COMMA.split(rest))):
        key, equals, value = item.partition("=")
        if not equals:
            raise ArgumentError(f"objective {text!r}: write {item!r} as keyword=value.")
        if key.strip() in keywords:
            raise ArgumentError(f"objective {text!r}: {key.strip()!r} is given twice.")
        keywords[key.strip()] = literal(value.strip())
    accepted = inspect.signature(cls).parameters
    try:
        return cls(**keywords)
    except (TypeError, ValueError) as error:
        takes = f"It takes: {', '.join(accepted)}." if accepted else "It takes no settings."
        raise ArgumentError(f"objective {text!r}: {str(error).rstrip('.')}. {takes}") from error


def _named(name: str) -> type[Objective]:
    known = kinds()
    if name.strip().lower() not in known:
        near = difflib.get_close_matches(name.lower(), known, n=2, cutoff=0.4)
        hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
        raise ArgumentError(
            f"there is no objective {name!r}. {hint}Known: {', '.join(sorted(known))}."
        )
    return known[name.strip().lower()]
