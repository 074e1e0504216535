"""ArviZ, by either of its interfaces: that of 0.23, and that of 1.0, for Python 3.12 and later.

The first keeps groups in its `InferenceData`, the second in xarray's `DataTree`; both are read by
`data["posterior"]`, and by ArviZ's functions.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xarray
    from arviz import InferenceData

Draws = Mapping[str, NDArray[Any]]
_PREVIEW = "arviz.preview"
_PARTS = ("base", "stats", "plots")
_IMPORTING = threading.Lock()


def _in_parts() -> bool:
    """Whether what is installed is 1.0 or later, which is made of three packages."""
    return int(version("arviz").split(".")[0]) >= 1


def load_arviz() -> Any:
    """The library, without the announcement of its next version that it makes once a day.

    It keeps the day of the last announcement in a file of the user's cache. Processes that begin
    together take that file from one another, and where the cache cannot be written there is no
    file: either way its import fails. Whether to announce anything it asks its own module
    `preview`, by what that says is installed; while it is imported, it is told that all is. And it
    looks for settings in the user's home folder, which there has to be, if only by name. From 1.0
    on there is no announcement.
    """
    with _IMPORTING:
        if _in_parts():
            with _some_home():
                return importlib.import_module("arviz")
        if "arviz" not in sys.modules:
            informed: Any = ModuleType(_PREVIEW)
            informed.info = "\n".join(f"arviz_{part} available" for part in _PARTS)
            sys.modules[_PREVIEW] = informed
            try:
                with _some_home(), warnings.catch_warnings():
                    warnings.simplefilter("ignore", FutureWarning)
                    importlib.import_module("arviz")
            finally:
                sys.modules.pop(_PREVIEW, None)
            importlib.import_module(_PREVIEW)  # the real one takes its place
        return importlib.import_module("arviz")


@contextlib.contextmanager
def _some_home() -> Iterator[None]:
    """An empty home folder for a user who has none, as in a container that runs as any number."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = os.devnull
        try:
            yield
        finally:
            del os.environ["HOME"]
    else:
        yield


def as_dataset(
    values: Draws,
    dims: Mapping[str, list[str]],
    coords: Mapping[str, NDArray[Any]],
    attrs: Mapping[str, Any],
    *,
    drawn: bool,
) -> xarray.Dataset:
    """Arrays as a dataset of xarray's, with ArviZ's notes on it.

    Args:
        values: by name, (C, S, *shape) where they are draws; one with the name of a dimension, such
            as `draw`, is called `draw_site`.
        dims: names of the dimensions of `shape`.
        coords: values along some of the dimensions.
        attrs: notes.
        drawn: whether chains and draws come first.
    """
    az = load_arviz()
    word = "sample_dims" if _in_parts() else "default_dims"
    leading: dict[str, Sequence[str]] = {} if drawn else {word: []}
    of_values = {name: dims[name] for name in values if name in dims}
    used = {dim for names in of_values.values() for dim in names}
    near = {dim: value for dim, value in coords.items() if dim in used}
    # A variable of a dimension's name is taken for its coordinates, and is lost without a word.
    own = {n: f"{n}_site" if n in {"chain", "draw", *used} else n for n in values}
    return az.dict_to_dataset(
        {own[name]: value for name, value in values.items()},
        coords=near,
        dims={own[name]: names for name, names in of_values.items()},
        attrs=dict(attrs),
        **leading,
    )


def as_groups(datasets: Mapping[str, xarray.Dataset]) -> InferenceData:
    """Datasets by the name of their group, as ArviZ keeps them."""
    if _in_parts():
        return importlib.import_module("xarray").DataTree.from_dict(dict(datasets))
    data = load_arviz().InferenceData()
    data.add_groups(dict(datasets), warn_on_custom_groups=False)
    return data


def tail_shapes(log_weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pareto's k of each row's largest weights, (N,).

    Args:
        log_weights: K for each datum, (N, K).
    """
    az = load_arviz()
    with np.errstate(all="ignore"):
        if _in_parts():  # it takes the log-likelihood that is left out: weights are its inverse
            stats = importlib.import_module("arviz_stats.base").array_stats
            return np.asarray(stats.psislw(-log_weights)[1], np.float64)
        return np.asarray(az.psislw(log_weights)[1], np.float64)
