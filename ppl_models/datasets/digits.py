"""Handwritten digits of 8 x 8 pixels, which come with scikit-learn (Alpaydin & Kaynak 1998)."""

from __future__ import annotations

import numpy as np

from ppl_models.datasets._binarisation import check_binarisation, check_seed, from_grey
from ppl_models.datasets._dataset import Dataset

_TRAIN, _VALID = 1297, 200


def load(*, binarisation: str | None = "dynamic", seed: int = 0) -> Dataset:
    """Load the digits: 1,297 train, 200 valid and 300 test rows of 64 values, with labels.

    The rows are the test part of the UCI "Optical Recognition of Handwritten Digits" data
    (Alpaydin & Kaynak 1998); the split is this package's own and never changes.

    Args:
        binarisation: `"dynamic"`, `"threshold"` (above 0.5), or None for grey values, which are
            multiples of 1/16.
        seed: seed of the draws of valid and test with `"dynamic"`; unused otherwise.

    Raises:
        ValueError: if an argument is out of range.
    """
    check_binarisation("digits", binarisation, ("dynamic", "threshold"))
    seed = check_seed(seed)
    from sklearn.datasets import load_digits

    pixels, classes = (np.asarray(part) for part in load_digits(return_X_y=True))
    # The source is ordered by writer, so it is shuffled; the seed is not the user's, so that
    # scores under different seeds are on the same rows.
    order = np.random.default_rng(0).permutation(len(pixels))
    train, valid, test = np.split(order, [_TRAIN, _TRAIN + _VALID])
    rows = {"train": train, "valid": valid, "test": test}
    return from_grey(
        "digits",
        {split: (pixels[index] / 16).astype(np.float32) for split, index in rows.items()},
        labels={split: classes[index] for split, index in rows.items()},
        image_shape=(8, 8),
        binarisation=binarisation,
        seed=seed,
    )
