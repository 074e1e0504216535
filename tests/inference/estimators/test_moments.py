"""Means and squares of gradients, one after another, against those of numpy over all at once."""

from __future__ import annotations

import numpy as np

from inference.program.moments import welford


def test_one_after_another_is_all_at_once() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, size=(7, 4))
    mean, squares = np.zeros(4), np.zeros(4)
    for count, value in enumerate(values, start=1):
        mean, squares = welford(count, mean, squares, value)
        np.testing.assert_allclose(mean, values[:count].mean(0))
        np.testing.assert_allclose(squares, count * values[:count].var(0), atol=1e-12)
