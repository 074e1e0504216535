"""Data sets by name, each held in memory as read-only arrays with a fingerprint.

A data set is a file of this folder whose name does not begin with an underscore. It has a function
`load(**options) -> Dataset`; to add a data set, add such a file. Importing this package imports
none of them.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import pkgutil
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from ppl_models._shown import check_word, of_python, shown
from ppl_models.datasets._dataset import DataId, Dataset
from ppl_models.datasets._files import PublishedFile
from ppl_models.datasets._own_file import is_own_file
from ppl_models.datasets._second_argument import (
    labelled,
    observed_pixels,
    quadrants,
    with_second_argument,
)

__all__ = [
    "DataId",
    "Dataset",
    "description",
    "is_own_file",
    "labelled",
    "list_datasets",
    "load",
    "needed_options",
    "observed_pixels",
    "options_of",
    "published_files",
    "quadrants",
]

_SECOND_ARGUMENT = ("labels", "label_seed", "quadrants")


def list_datasets() -> list[str]:
    """Names that `load` takes, sorted."""
    return sorted(
        module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
    )


def load(name: str | os.PathLike[str], /, **options: Any) -> Dataset:
    """Load a data set by name, or from a file of one's own.

    Args:
        name: one of `list_datasets()`, or the path of a file that ends with .npz, .csv or .parquet;
            `description("rows.npz")` says what such files hold, and their options.
        **options: the data set's own keywords, for example `binarisation` and `seed`; and, for
            pairs that take a second argument, `labels` (a count or `"all"`) with `label_seed` as
            in `labelled`, or `quadrants` as in `quadrants`.

    Raises:
        ValueError: if there is no such data set, an option is out of range, or a data file is
            damaged.
        TypeError: if the data set has no such option.
        FileNotFoundError: if a data file is neither on this machine nor to be downloaded.
    """
    name = _as_name(name)
    source = _source(name)
    accepted = options_of(name)
    for option in options:
        if option not in accepted:
            raise TypeError(
                f"The data set {name!r} has no option {option!r}. {_nearest(option, accepted)}"
            )
    options = {key: of_python(key, value) for key, value in options.items()}
    own = {key: value for key, value in options.items() if key not in _SECOND_ARGUMENT}
    own |= {"path": name} if is_own_file(name) else {}
    return with_second_argument(
        source.load(**own),
        labels=options.get("labels"),
        label_seed=options.get("label_seed", 0),
        quadrants_observed=options.get("quadrants"),
    )


def options_of(name: str) -> tuple[str, ...]:
    """The keywords that `load` takes for a data set.

    Raises:
        ValueError: if there is no such data set.
    """
    parameters = inspect.signature(_source(name).load).parameters
    return (*(each for each in parameters if each != "path"), *_SECOND_ARGUMENT)


def needed_options(name: str) -> tuple[str, ...]:
    """The keywords without which `load` does not take a data set.

    Raises:
        ValueError: if there is no such data set.
    """
    taken = inspect.signature(_source(name).load).parameters.values()
    return tuple(each.name for each in taken if each.default is each.empty and each.name != "path")


def published_files(name: str) -> tuple[PublishedFile, ...]:
    """The files that a data set is read from; none where it is made or comes with a package.

    Raises:
        ValueError: if there is no such data set.
    """
    return getattr(_source(name), "FILES", ())


def description(name: str) -> str:
    """What a data set is and what its `load` takes: the docstrings of its file.

    Raises:
        ValueError: if there is no such data set.
    """
    source = _source(name)
    about = inspect.cleandoc(source.__doc__ or "")
    return f"{about}\n\n{inspect.cleandoc(source.load.__doc__ or '')}"


def _as_name(name: str | os.PathLike[str]) -> str:
    """The name of a data set, or the path of a file, as text."""
    text = os.fspath(name) if isinstance(name, os.PathLike) else name
    if not isinstance(text, str):
        raise ValueError(f"There is no data set {shown(text)}. {_nearest('', list_datasets())}")
    return check_word("name", text)


def _source(name: str) -> ModuleType:
    name = _as_name(name)
    if is_own_file(name):
        return importlib.import_module(f"{__name__}._own_file")
    known = list_datasets()
    if name not in known:
        if any(mark in name for mark in "./\\"):
            raise ValueError(
                f"There is no data set {shown(name)}, and as a file it must be .npz, .csv or "
                ".parquet. numpy.savez('rows.npz', train=x, test=y) writes one."
            )
        raise ValueError(f"There is no data set {shown(name)}. {_nearest(name, known)}")
    return importlib.import_module(f"{__name__}.{name}")


def _nearest(name: str, known: Iterable[str]) -> str:
    """A hint with the known names that look most like `name`, then all of them."""
    known = sorted(known)
    near = difflib.get_close_matches(name.lower(), known, 3, 0.4)
    hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
    return f"{hint}Use one of: {', '.join(known)}."


def __dir__() -> list[str]:
    return [*__all__]
