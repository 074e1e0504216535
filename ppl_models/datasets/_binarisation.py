"""From grey images to a data set under one of the binarisations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from ppl_models._shown import shown
from ppl_models.datasets._dataset import SPLITS, Dataset


def check_binarisation(dataset: str, binarisation: str | None, accepted: Sequence[str]) -> None:
    """Refuse a binarisation that the data set does not have.

    Args:
        dataset: name of the data set, for the message.
        binarisation: what was asked for.
        accepted: what the data set has, besides None for grey values.

    Raises:
        ValueError: if `binarisation` is neither accepted nor None.
    """
    if binarisation is None or binarisation in accepted:
        return
    reason = (
        " No fixed binarised copy of it was ever published; 'dynamic' also gives a valid and a "
        "test split that never change."
        if binarisation == "static"
        else ""
    )
    raise ValueError(
        f"binarisation of {dataset!r} must be one of {', '.join(map(repr, accepted))} or None; "
        f"got {shown(binarisation)}.{reason}"
    )


def check_seed(seed: int, name: str = "seed") -> int:
    """Return `seed` as an int if it is a whole number of at least 0; `name` is the argument's.

    Raises:
        ValueError: if it is not.
    """
    whole = isinstance(seed, Integral) and not isinstance(seed, (bool, np.timedelta64))
    if not whole or seed < 0:
        raise ValueError(f"{name} must be a whole number of at least 0, got {shown(seed)}.")
    return int(seed)


def from_grey(
    name: str,
    grey: Mapping[str, NDArray[np.float32]],
    *,
    labels: Mapping[str, NDArray[np.int64]],
    image_shape: tuple[int, ...],
    binarisation: str | None,
    seed: int,
) -> Dataset:
    """Build a data set from grey images.

    Args:
        name: name of the data set.
        grey: split to images, shape (N, D), values in [0, 1].
        labels: split to class numbers, shape (N,); or empty.
        image_shape: the shape of one row as an image.
        binarisation: `"dynamic"` keeps train grey and draws valid and test once from Bernoulli
            variables with the grey values as probabilities; `"threshold"` makes every value
            above 0.5 a one; None leaves all grey.
        seed: seed of those draws.
    """
    if binarisation == "threshold":
        images = {split: (grey[split] > 0.5).astype(np.float32) for split in SPLITS}
    elif binarisation == "dynamic":
        images = {
            "train": grey["train"],
            "valid": _draw(grey["valid"], seed=(seed, 1)),
            "test": _draw(grey["test"], seed=(seed, 2)),
        }
    else:
        images = dict(grey)
    return Dataset(
        name=name,
        train=images["train"],
        valid=images["valid"],
        test=images["test"],
        labels=labels,
        image_shape=image_shape,
        binarisation=binarisation,
        seed=seed if binarisation == "dynamic" else None,
    )


def _draw(probabilities: NDArray[np.float32], *, seed: tuple[int, int]) -> NDArray[np.float32]:
    # One stream per split, so that the draws of one do not depend on the size of the other.
    uniform = np.random.default_rng(seed).random(probabilities.shape, dtype=np.float32)
    return (uniform < probabilities).astype(np.float32)
