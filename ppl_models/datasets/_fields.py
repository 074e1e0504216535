"""What the fields of a data set may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ppl_models._shown import check_word, shown

SPLITS = ("train", "valid", "test")
BINARISATIONS = ("dynamic", "static", "threshold", "real", None)


def check_words(dataset: Any) -> None:
    """Check what is said about the rows.

    Raises:
        ValueError: naming the field that is of another kind.
    """
    known = dataset.binarisation is None or isinstance(dataset.binarisation, str)
    if not known or dataset.binarisation not in BINARISATIONS:
        raise ValueError(
            f"binarisation must be one of {', '.join(map(repr, BINARISATIONS))}; "
            f"got {shown(dataset.binarisation)}."
        )
    for name in ("name", "variant"):
        if not check_word(name, getattr(dataset, name)).isprintable():
            raise ValueError(
                f"{name} must be text of one line, got {shown(getattr(dataset, name))}."
            )
    seed = dataset.seed
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or seed < 0):
        raise ValueError(f"seed must be a whole number of at least 0 or None, got {shown(seed)}.")
    if dataset.log_p is not None and not callable(dataset.log_p):
        raise ValueError(f"log_p must be a function of points or None, got {shown(dataset.log_p)}.")


def check_by_split(dataset: Any) -> None:
    """Check that labels and y have something for each split, or for none.

    Raises:
        ValueError: if one is no such mapping, or it is not said what y is.
    """
    for name in ("labels", "y"):
        given = getattr(dataset, name)
        if not isinstance(given, Mapping):
            raise ValueError(f"{name} must be a dictionary by split, got {shown(given)}.")
        if name == "y" and given and not dataset.variant:
            raise ValueError("Give variant with y: it says in the data id what y is.")
        if given and set(given) != set(SPLITS):
            raise ValueError(
                f"{name} must be empty or have the keys {', '.join(SPLITS)}; "
                f"got {', '.join(sorted(map(str, given)))}."
            )


def check_split(split: Any) -> None:
    """Check the name of a split.

    Raises:
        ValueError: if there is none of that name.
    """
    if not isinstance(split, str) or split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}; got {shown(split)}.")
