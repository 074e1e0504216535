"""Data sets by name, each held in memory as read-only arrays with a fingerprint.

A data set is a file of this folder whose name does not begin with an underscore. It has a function
`load(**options) -> Dataset`; to add a data set, add such a file. Importing this package imports
none of them.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Iterable
from typing import Any

from ppl_models.datasets._dataset import DataId, Dataset

__all__ = ["DataId", "Dataset", "list_datasets", "load"]


def list_datasets() -> list[str]:
    """Names that `load` takes, sorted."""
    return sorted(
        module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
    )


def load(name: str, **options: Any) -> Dataset:
    """Load a data set by name.

    Args:
        name: one of `list_datasets()`.
        **options: the data set's own keywords, for example `binarisation` and `seed`.

    Raises:
        ValueError: if there is no such data set, an option is out of range, or a data file is
            damaged.
        TypeError: if the data set has no such option.
        FileNotFoundError: if a data file is neither on this machine nor to be downloaded.
    """
    known = list_datasets()
    if name not in known:
        raise ValueError(f"There is no data set {name!r}. {_nearest(name, known)}")
    source = importlib.import_module(f"{__name__}.{name}")
    accepted = inspect.signature(source.load).parameters
    for option in options:
        if option not in accepted:
            raise TypeError(
                f"The data set {name!r} has no option {option!r}. {_nearest(option, accepted)}"
            )
    return source.load(**options)


def _nearest(name: object, known: Iterable[str]) -> str:
    """A hint with the known names that look most like `name`, then all of them."""
    known = sorted(known)
    near = difflib.get_close_matches(str(name).lower(), known, n=3, cutoff=0.4)
    hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
    return f"{hint}Use one of: {', '.join(known)}."
