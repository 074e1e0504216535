"""Which objectives there are, by name, and how a string becomes one of them.

The package's own are listed in `inference.objectives`; other packages declare theirs as entry
points: see `inference.objectives._plugins`.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING

from inference.errors import ArgumentError
from inference.literals import spelled
from inference.objectives import _plugins

if TYPE_CHECKING:
    from inference.objectives._objective import Objective
    from inference.program.structure import Structure

_BASE: list[type[Objective]] = []
_OWN: dict[str, type[Objective]] = {}


def enlist(base: type[Objective], kinds: Iterable[type[Objective]]) -> None:
    """Make classes known as the package's own, in this order, by their names in small letters.

    Args:
        base: what every objective derives from.
        kinds: the classes.
    """
    _BASE[:] = [base]
    _OWN.update({kind.__name__.lower(): kind for kind in kinds})


def own_kinds() -> tuple[type[Objective], ...]:
    """The package's own classes."""
    return tuple(_OWN.values())


def kinds() -> tuple[dict[str, type[Objective]], dict[str, str]]:
    """All classes by the names that strings call them, and why plugins are left out, by name."""
    plugins = _plugins.find_plugins(_BASE[0], _OWN)
    found = {plugin.name: plugin.kind for plugin in plugins if plugin.kind is not None}
    return {**_OWN, **found}, {each.name: each.why for each in plugins if each.kind is None}


def examples() -> tuple[Objective, ...]:
    """One of each that can be used, with usual settings."""
    return tuple(kind.example() for kind in kinds()[0].values())


def refusals(structure: Structure) -> dict[str, str | None]:
    """By the name of its class, why each objective does not fit a pair; None where it does.

    A plugin that cannot be used is there too, by the name that it is declared under.
    """
    known, broken = kinds()
    asked = {kind.__name__: kind.example().refusal(structure) for kind in known.values()}
    return {**asked, **broken}


def what_fits(structure: Structure) -> str:
    """The objectives that fit a pair, as a sentence; or else what trains it."""
    names = [name for name, why in refusals(structure).items() if why is None]
    if names:
        return f"Objectives that fit this pair: {', '.join(names)}."
    return (
        "No objective of those here fits this pair as it is; the library's own loss objects, such "
        "as Trace_ELBO() or TraceEnum_ELBO(), are taken as objective=, too."
    )


def parse_objective(text: str) -> Objective:
    """Build an objective from a string such as `"iwae:num_particles=5"`.

    Args:
        text: a name, then optionally a colon and `keyword=value` pairs separated by commas.

    Raises:
        ArgumentError: if the name or a keyword is unknown, or a value is missing or not right.
    """
    try:
        name, keywords = spelled(text)
    except ValueError as error:
        raise ArgumentError(f"objective {text!r}: {error}") from error
    cls = _named(name)
    accepted = inspect.signature(cls).parameters
    fixed = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [n for n, p in accepted.items() if p.default is p.empty and p.kind not in fixed]
    takes = f"It takes: {', '.join(accepted)}." if accepted else "It takes no settings."
    if absent := [name_of for name_of in needed if name_of not in keywords]:
        raise ArgumentError(
            f"objective {text!r} needs {' and '.join(absent)}, such as "
            f"'{name}:{','.join(f'{each}=5' for each in absent)}'. {takes}"
        )
    try:
        return cls(**keywords)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"objective {text!r}: {str(error).rstrip('.')}. {takes}") from error


def _named(given: str) -> type[Objective]:
    """The class of a name; of plugins no other one is imported.

    Raises:
        ArgumentError: if there is none, or it is that of a plugin that cannot be used.
    """
    name = given.strip().lower()
    if name in _OWN:
        return _OWN[name]
    for plugin in _plugins.find_plugins(_BASE[0], _OWN, name):
        if plugin.kind is None:
            raise ArgumentError(plugin.why)
        return plugin.kind
    known = {*_OWN, *_plugins.names()}
    near = difflib.get_close_matches(given.lower(), known, n=2, cutoff=0.4)
    hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
    raise ArgumentError(
        f"there is no objective {given!r}. {hint}Known: {', '.join(sorted(known))}."
    )
