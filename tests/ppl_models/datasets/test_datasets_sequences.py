"""The sequences that the package makes, and the exact score of the process that makes them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ppl_models import datasets
from ppl_models.datasets import sequences


def test_what_is_loaded() -> None:
    data = datasets.load("sequences")
    for split, rows in (("train", 4000), ("valid", 500), ("test", 500)):
        x, lengths = data.arrays(split)
        assert x.shape == (rows, 24, 16)
        assert set(np.unique(x)) == {0, 1}
        assert set(np.unique(lengths)) == set(range(12, 25))
        assert not x[np.arange(24) >= lengths[:, None]].any()
    assert str(data.data_id("test")) == str(datasets.load("sequences").data_id("test"))
    assert str(data.data_id("test")).startswith("sequences+lengths/test/static/")


def by_paths(x: np.ndarray, steps: int) -> float:
    """log p by the sum over all phases to start from and all speeds that follow each other."""
    total = 0.0
    for start in range(32):
        for speeds in itertools.product((-2, -1, 1, 2), repeat=steps):
            phase, weight = start, 1 / (32 * 4)
            for t, speed in enumerate(speeds):
                if t:
                    weight *= 0.1 / 4 + 0.9 * (speed == speeds[t - 1])
                    phase = (phase + speed) % 32
                for pixel in range(16):
                    apart = abs(2 * pixel - phase)
                    mean = 0.9 if min(apart, 32 - apart) <= 3 else 0.05
                    weight *= mean if x[t, pixel] == 1 else 1 - mean
            total += weight
    return float(np.log(total))


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_score_of_the_process_is_the_sum_over_its_paths(steps: int) -> None:
    x = datasets.load("sequences").test[:2]
    found = sequences.log_likelihood(x, np.full(2, steps))
    np.testing.assert_allclose(found, [by_paths(row, steps) for row in x], rtol=1e-10)


def test_the_ring_has_no_beginning() -> None:
    """Turned by one pixel, a sequence has the same score."""
    x = datasets.load("sequences").test
    around = np.roll(x, 1, axis=-1)
    lengths = np.full(len(x), 12)
    ours, theirs = (sequences.log_likelihood(rows, lengths) for rows in (x, around))
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)


def test_quadrants_of_sequences_are_refused() -> None:
    with pytest.raises(ValueError, match=r"flat images.*rows of shape \(24, 16\)"):
        datasets.load("sequences", quadrants=1)
