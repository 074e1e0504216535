"""The untrained pair that a spec describes, built without trusting the spec."""

from __future__ import annotations

import heapq
import importlib
import math
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

from inference.errors import RunFolderError

_ZOO = "ppl_models"
_PLUGINS = "ppl_models.models"  # the entry points by which installed packages add models
_PASS_IT = "pass the pair: load_run(folder, pair=..., batch=...)."
_MOST_ENTRIES = 1_000  # of a list of whole numbers or words: layers, shapes
_MOST_NUMBERS = 1_000_000  # of an array: a list of real numbers, such as a mean, a table, its rows
_MOST_WEIGHTS = 10**10  # of a layer


def rebuild_pair(description: dict[str, Any]) -> Any:
    """The untrained pair that a spec describes.

    A spec is only data, which somebody else may have written: of the zoo and of packages that are
    installed as plugins of it a pair's constructor is called; nothing else is imported.

    Raises:
        RunFolderError: if the spec does not say enough, names something else, or asks for more
            memory than a pair takes.
    """
    path, hyperparameters = description.get("class"), description.get("hyperparameters")
    if path is None or hyperparameters is None:
        raise RunFolderError(
            "the spec does not say how to build the pair, because it was not one of the zoo's; "
            "pass it: load_run(folder, pair=..., batch=...)."
        )
    module_name, _, name = str(path).partition(":")
    if not _is_known(module_name):
        raise RunFolderError(
            f"the run's pair {path!r} is neither the zoo's nor of an installed plugin, and what a "
            f"run folder names is not imported; {_PASS_IT}"
        )
    try:
        kind = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise RunFolderError(
            f"the run's pair {path!r} cannot be imported ({error}); {_PASS_IT}"
        ) from error
    if not (isinstance(kind, type) and hasattr(kind, "model") and hasattr(kind, "guide")):
        raise RunFolderError(
            f"the spec names {path!r}, which is not a class with model and guide; {_PASS_IT}"
        )
    try:
        _check_size(hyperparameters)
        return kind(**hyperparameters)
    except (TypeError, ValueError, RecursionError) as error:
        raise RunFolderError(
            f"{path!r} cannot be built from the spec's hyperparameters ({error}); {_PASS_IT}"
        ) from error


def _is_known(module: str) -> bool:
    """Whether a module is of the zoo or of a package that is installed as its plugin."""
    packages = [_ZOO, *(entry.value for entry in entry_points(group=_PLUGINS))]
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def _check_size(hyperparameters: Any) -> None:
    """Refuse sizes that no pair has, before anything is allocated.

    Raises:
        ValueError: naming the size.
    """
    whole = []
    for part, row in _parts(hyperparameters):
        if isinstance(part, (list, dict)):
            array = row or all(isinstance(entry, (float, list)) for entry in part)
            if len(part) > (_MOST_NUMBERS if array else _MOST_ENTRIES):
                raise ValueError(f"a list of {len(part)} entries is longer than any pair's")
        elif isinstance(part, int):
            whole.append(abs(part))
    if (weights := math.prod(heapq.nlargest(2, whole))) > _MOST_WEIGHTS:
        raise ValueError(f"a layer of {weights:.1e} weights is larger than any pair's")


def _parts(value: Any, *, row: bool = False) -> Iterator[tuple[Any, bool]]:
    """All that a value holds, and whether it is a list in a list."""
    yield value, row
    for part in value.values() if isinstance(value, dict) else value:
        if isinstance(part, (list, dict)):
            yield from _parts(part, row=isinstance(value, list))
        else:
            yield part, False
