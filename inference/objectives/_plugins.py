"""Objectives of other packages: entry points in the group `ppl_models.objectives`.

    [project.entry-points."ppl_models.objectives"]
    myobjective = "my_package.module:MyObjective"

The name is that of the class in small letters. A class is imported when its name is asked for, or
when all objectives are.
"""

from __future__ import annotations

import inspect
from collections.abc import Container
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from inference.descriptions import raised

GROUP = "ppl_models.objectives"


@dataclass(frozen=True)
class Plugin:
    """An objective that an installed package declares.

    Attributes:
        name: what strings call it.
        distribution: the package that is installed.
        kind: its class, or None if it cannot be used.
        why: a sentence that says why it cannot; empty if it can.
    """

    name: str
    distribution: str
    kind: Any = None
    why: str = ""


def names() -> tuple[str, ...]:
    """What is declared, without importing any of it; a name that two packages use once."""
    return tuple(dict.fromkeys(entry.name for entry in entry_points(group=GROUP)))


def find_plugins(base: type, taken: Container[str], name: str | None = None) -> list[Plugin]:
    """The objectives that installed packages declare.

    Args:
        base: what their classes derive from.
        taken: names that are not to be had.
        name: the one to look for; None for all.
    """
    found: dict[str, Plugin] = {}
    for entry in entry_points(group=GROUP):
        if name is not None and entry.name != name:
            continue
        owner = entry.dist.name if entry.dist is not None else "unknown"
        try:
            if entry.name in taken:
                raise ValueError("there is an objective of that name")
            if entry.name in found and found[entry.name].kind is not None:
                other = found[entry.name].distribution
                raise ValueError(f"{other!r} has an objective of that name")
            found[entry.name] = Plugin(entry.name, owner, _class(entry, base))
        except ValueError as error:
            why = (
                f"The objective {entry.name!r} of the distribution {owner!r} is left out: "
                f"{str(error).rstrip('.')}."
            )
            found.setdefault(entry.name, Plugin(entry.name, owner, None, why))
    return list(found.values())


def _class(entry: EntryPoint, base: type) -> Any:
    """The class that an entry point names.

    Raises:
        ValueError: saying what is wrong with it.
    """
    try:
        kind: Any = entry.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a package of somebody else's does
        raise ValueError(f"{entry.value} failed with {raised(error)}") from error
    if not (inspect.isclass(kind) and issubclass(kind, base)) or inspect.isabstract(kind):
        raise ValueError(
            f"{entry.value} is no class that derives from inference.objectives.Objective and has "
            "its methods"
        )
    if kind.__name__.lower() != entry.name:
        raise ValueError(
            f"its name must be that of the class in small letters, {kind.__name__.lower()!r}; "
            "change the entry point"
        )
    given: Any = kind
    try:
        given.example()
    except Exception as error:
        raise ValueError(
            f"{entry.value} has no example: with usual = {dict(given.usual)!r} it fails with "
            f"{raised(error).rstrip('.')}"
        ) from error
    return kind
