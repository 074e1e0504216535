"""The eight schools are those of Rubin (1981)."""

from __future__ import annotations

import numpy as np

from ppl_models.datasets import load


def test_effects_and_standard_errors() -> None:
    data = load("eight_schools")
    np.testing.assert_array_equal(data.train[:, 0], [28, 8, -3, 7, -1, 1, 18, 12])
    np.testing.assert_array_equal(data.y["train"][:, 0], [15, 10, 16, 11, 9, 11, 10, 18])
    # The pooled estimate of the books: 7.7 with a standard error of 4.1.
    weight = data.y["train"][:, 0].astype(float) ** -2
    assert round(float(weight @ data.train[:, 0] / weight.sum()), 1) == 7.7
    assert round(float(weight.sum() ** -0.5), 1) == 4.1
    for split in ("valid", "test"):
        np.testing.assert_array_equal(getattr(data, split), data.train)
