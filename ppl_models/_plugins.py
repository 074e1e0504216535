"""Models of other packages: entry points in the group `ppl_models.models`, read, not imported."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Container
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from ppl_models._pair import Card
from ppl_models._places import Place

GROUP = "ppl_models.models"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PACKAGE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


class PluginError(ImportError, ValueError):
    """A plugin that cannot be used: whose it is, what is wrong with it, what to do."""


def read_plugins(taken: Container[str]) -> tuple[dict[str, Place], list[tuple[str, str]]]:
    """The models that installed packages declare.

    Args:
        taken: names that are the zoo's own.

    Returns:
        Name to place, and for each plugin that is left out its name and a sentence that says why.
    """
    found: dict[str, Place] = {}
    broken: list[tuple[str, str]] = []
    for entry in entry_points(group=GROUP):
        try:
            if entry.name in taken:
                raise ValueError("the zoo has a model of that name")
            if entry.name in found:
                raise ValueError(f"{found[entry.name].distribution!r} has a model of that name")
            found[entry.name] = _checked(entry)
        except (ValueError, OSError) as error:
            label, why = _label(entry.name, _owner(entry)), str(error).rstrip(".")
            broken.append((entry.name, f"{label} is left out: {why}."))
    return found, broken


def unusable(place: Place, why: str) -> PluginError:
    """The error for a plugin that looked right, and is not."""
    label = _label(place.name, place.distribution)
    return PluginError(
        f"{label} cannot be used: {why}. Install another release of {place.distribution!r}, or "
        "uninstall it; the zoo's other models are not affected."
    )


def _label(name: str, distribution: str) -> str:
    return f"The plugin {name!r} of the distribution {distribution!r}"


def _owner(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "unknown"


def _checked(entry: EntryPoint) -> Place:
    """The place that an entry point names, if the files are there and name pairs."""
    name, package = entry.name, entry.value
    if not _NAME.fullmatch(name) or name.endswith("_numpyro"):
        raise ValueError(
            "a model's name has small letters, digits and _, and does not end in _numpyro; "
            "change the entry point's name"
        )
    if not _PACKAGE.fullmatch(package):
        raise ValueError(
            f"its value must be a package with {name}.py and {name}.md in it, such as "
            f"'my_package', got {package!r}; change the entry point"
        )
    folder = _folder(package)
    place = Place.find(name, package, folder, folder / f"{name}.md", _owner(entry))
    if not place.files:
        raise ValueError(
            f"the package {package!r} has neither {name}.py (Pyro) nor {name}_numpyro.py; add one, "
            "or change the entry point"
        )
    for engine in place.files:
        place.pair_class(engine)
    if not place.card.is_file():
        raise ValueError(f"the package {package!r} has no card {name}.md; add it as package data")
    try:
        Card.read(place.card, family=place.family, engines=tuple(place.files))
    except ValueError as error:
        raise ValueError(str(error).rstrip(".")) from error
    return place


def _folder(package: str) -> Path:
    """The folder of a package, found without running any of it."""
    first, *inner = package.split(".")
    spec, path = importlib.util.find_spec(first), first
    for part in inner:
        path = f"{path}.{part}"
        inside = spec.submodule_search_locations if spec is not None else None
        spec = None if inside is None else PathFinder.find_spec(path, list(inside))
    if spec is None:
        raise ValueError(f"the package {package!r} is not there; install the distribution again")
    folders = list(spec.submodule_search_locations or ())
    if not folders:
        raise ValueError(f"{package!r} is a module; its value must be a package, a folder")
    return Path(folders[0])
