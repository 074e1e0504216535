"""Arguments of pictures: runs, rows, and the shape of a row, refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.arguments import check_count, check_text
from inference.data.arrays import as_array
from inference.descriptions import shown
from inference.errors import ArgumentError, DataError

_MOST_TILES = 10**5


def check_run(run: Any, name: str = "run") -> Any:
    """Check that something is a run.

    Raises:
        ArgumentError: if it is none.
    """
    if not _is_run(run):
        raise ArgumentError(
            f"{name} must be a run, as fit and load_run return it, got {shown(run)}."
        )
    return run


def _is_run(run: Any) -> bool:
    return not isinstance(run, type) and all(hasattr(run, n) for n in ("pair", "sample", "spec"))


def check_runs(runs: Any) -> dict[str, Any]:
    """Check runs by label.

    Raises:
        ArgumentError: if there are none, or one is none.
    """
    if not isinstance(runs, Mapping) or not runs:
        given = "none" if isinstance(runs, Mapping) else shown(runs)
        one = " Write {'a label': run} for one run." if _is_run(runs) else ""
        raise ArgumentError(f"runs must be {{label: run}} with one run or more, got {given}.{one}")
    return {str(label): check_run(run, f"runs[{label!r}]") for label, run in runs.items()}


def check_tiles(**counts: Any) -> int:
    """Check how many pictures there are side by side and below each other; returns their product.

    Raises:
        ArgumentError: naming the number.
    """
    total = 1
    for name, count in counts.items():
        total *= check_count(name, count)
    if total > _MOST_TILES:
        raise ArgumentError(
            f"{' times '.join(counts)} must be at most {_MOST_TILES:,} pictures, got {total:.3g}."
        )
    return total


def check_shape(shape: Any) -> tuple[int, int] | None:
    """Check (height, width), or None.

    Raises:
        ArgumentError: if it is neither.
    """
    if shape is None:
        return None
    if not isinstance(shape, (tuple, list)) or len(shape) != 2:
        raise ArgumentError(f"shape must be (height, width), got {shown(shape)}.")
    height, width = (check_count("every entry of shape", each) for each in shape)
    return height, width


def check_rows(name: str, x: Any, *, real: Any = np.float32) -> NDArray[Any]:
    """Rows of numbers.

    Raises:
        DataError: if they are none.
    """
    found = as_array(x, real).astype(real)
    if found.ndim < 2 or not len(found) or not np.isfinite(found).all():
        raise DataError(
            f"{name} must hold finite numbers, one row or more, got shape {found.shape}."
        )
    return found


def check_site(site: Any) -> str:
    """Check a latent's name.

    Raises:
        ArgumentError: if it is no word.
    """
    return check_text("site", site)
