from __future__ import annotations

import numpy as np

from ppl_models.datasets._binarisation import from_grey

PROBABILITIES = np.linspace(0, 1, 9, dtype=np.float32)
ROWS = 20_000


def drawn(seed: int = 0, *, valid_rows: int = ROWS):
    grey = np.tile(PROBABILITIES, (ROWS, 1))
    return from_grey(
        "toy",
        {"train": grey, "valid": grey[:valid_rows].copy(), "test": grey.copy()},
        labels={},
        image_shape=(3, 3),
        binarisation="dynamic",
        seed=seed,
    )


def test_the_draws_follow_the_grey_values():
    dataset = drawn()
    for images in (dataset.valid, dataset.test):
        mean = images.mean(axis=0, dtype=np.float64)
        assert (mean[0], mean[-1]) == (0, 1)
        sigma = np.sqrt(PROBABILITIES * (1 - PROBABILITIES) / ROWS)
        assert (np.abs(mean - PROBABILITIES) <= 4 * sigma).all()


def test_splits_and_seeds_have_draws_of_their_own():
    zero, one = drawn(0), drawn(1)
    hashes = {data.data_id(split).hash for data in (zero, one) for split in ("valid", "test")}
    assert len(hashes) == 4


def test_the_draws_of_test_do_not_depend_on_the_size_of_valid():
    assert drawn().data_id("test") == drawn(valid_rows=10).data_id("test")
