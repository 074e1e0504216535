"""The kernel two-sample test, and mode coverage, against sums and counts by hand."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from inference import mmd_test, mode_coverage
from inference.data.rows import slices
from inference.errors import ZooError
from ppl_models.datasets import grid, load, ring


def by_loops(x: np.ndarray, y: np.ndarray, scales: tuple[float, ...]) -> float:
    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return sum(math.exp(-float(((a - b) ** 2).sum()) / (2 * s * s)) for s in scales) / len(
            scales
        )

    n, m = len(x), len(y)
    xx = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    yy = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return xx + yy - 2 * sum(kernel(a, b) for a in x for b in y) / (n * m)


def test_the_estimate_is_the_sum_over_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(9, 3)), random.normal(0.5, 1.3, size=(6, 3)) + 1e6
    x += 1e6  # far from the origin, so that a difference of large squares would show
    found = mmd_test(x, y, bandwidths=(2.0, 0.7), num_permutations=1)
    assert found.bandwidths == (0.7, 2.0)
    np.testing.assert_allclose(found.estimate, by_loops(x, y, (0.7, 2.0)), rtol=1e-7)
    assert found.name == "MMD^2, 9/6"
    monkeypatch.setattr("inference.samples.two_sample.blocks", lambda count: slices(count, 4))
    in_blocks = mmd_test(x, y, bandwidths=(2.0, 0.7), num_permutations=1)
    np.testing.assert_allclose(in_blocks.estimate, found.estimate, rtol=1e-7)


def test_rows_far_away_do_not_cost_the_others_their_digits() -> None:
    random = np.random.default_rng(4)
    x, y = random.normal(size=(9, 3)), random.normal(size=(7, 3))
    y[:2] = [1e9], [-3e9]  # as a generator draws that is about to diverge
    found = mmd_test(x, y, bandwidths=(1.0,), num_permutations=1)
    np.testing.assert_allclose(found.estimate, by_loops(x, y, (1.0,)), rtol=1e-9)


def test_permutations_give_the_statistic_of_permuted_rows() -> None:
    """All 20 ways of dividing six rows: the p-value is the rank of the division that came.

    20,000 permutations: a right test fails with a probability below 1e-5 (4.5 standard errors).
    """
    pooled = np.random.default_rng(1).normal(size=(6, 2))
    statistics = []
    for chosen in itertools.combinations(range(6), 3):
        others = [i for i in range(6) if i not in chosen]
        statistics.append(by_loops(pooled[list(chosen)], pooled[others], (1.0,)))
    exact = np.mean(np.array(statistics) >= statistics[0] - 1e-12)
    found = mmd_test(pooled[:3], pooled[3:], bandwidths=(1.0,), num_permutations=20_000)
    assert 0.05 < exact < 0.95
    assert abs(found.p_value - exact) < 4.5 * math.sqrt(exact * (1 - exact) / 20_000) + 1e-4


def test_bandwidths_are_multiples_of_the_median_distance() -> None:
    x, y = np.array([[0.0], [1.0]]), np.array([[3.0], [7.0]])  # distances 1, 2, 3, 4, 6, 7
    found = mmd_test(x, y, num_permutations=1)
    np.testing.assert_allclose(found.bandwidths, np.array([0.25, 0.5, 1, 2, 4]) * 3.5)


def test_p_values_are_uniform_under_the_null() -> None:
    """400 tests of 15 against 20 rows; a right test fails with a probability below 1e-5."""
    random = np.random.default_rng(2)
    p_values = np.array(
        [
            mmd_test(
                random.normal(size=(15, 2)),
                random.normal(size=(20, 2)),
                num_permutations=99,
                seed=seed,
            ).p_value
            for seed in range(400)
        ]
    )

    def uniform(p: np.ndarray) -> bool:  # 100 values from 0.01 to 1, ten in each bin
        counts = np.bincount((np.rint(p * 100).astype(int) - 1) // 10, minlength=10)
        return stats.chisquare(counts).pvalue > 1e-5

    assert uniform(p_values)
    assert not uniform(np.minimum(p_values[::2], p_values[1::2]))  # the better of two tests


def test_a_difference_is_found() -> None:
    random = np.random.default_rng(3)
    x, y = random.normal(size=(60, 3)), random.normal(size=(70, 3)) * 2
    found = mmd_test(x, y, num_permutations=199)
    assert found.p_value == 1 / 200
    assert found.estimate > 0.01
    assert found == mmd_test(x, y, num_permutations=199)


def test_modes_by_hand() -> None:
    centres = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    samples = np.array(
        [[0.0, 2.9], [2.0, 2.0], [10.0, -1.0], [10.0, 3.1], [5.0, 0.0], [0.5, 0.0], [99.0, 99.0]]
    )
    found = mode_coverage(samples, centres, 1.0)
    assert found.per_mode == (3, 1, 0)
    assert (found.covered, found.num_modes) == (2, 3)
    assert found.high_quality == 4 / 7
    assert str(found) == ("modes with 1 or more samples within 3 sd, 7: 2 of 3, 57.1% high-quality")
    assert mode_coverage(samples, centres, 1.0, least=2).covered == 1
    assert mode_coverage(samples, centres, 1.0, within=2.0).per_mode == (1, 1, 0)
    assert mode_coverage(samples, centres, 2.0, within=2.0).per_mode == (3, 2, 0)


@pytest.mark.parametrize("source", [ring, grid])
def test_the_data_themselves_cover_their_modes(source: Any) -> None:
    """10,000 points, of which 1 - exp(-4.5) are expected; 4.5 standard errors."""
    data = load(source.__name__.rpartition(".")[2])
    found = mode_coverage(data.test, source.centres(), source.SCALE)
    expected = 1 - math.exp(-4.5)
    assert abs(found.high_quality - expected) < 4.5 * math.sqrt(expected * (1 - expected) / 10_000)
    assert found.covered == found.num_modes == len(source.centres())
    lost = data.test[data.labels["test"] != 5]
    assert mode_coverage(lost, source.centres(), source.SCALE).covered == found.num_modes - 1


GOOD = np.eye(3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mmd_test(GOOD, GOOD[:, :2]), "equally many columns, got x 3 and y 2"),
        (lambda: mmd_test(GOOD, GOOD[:1]), r"y must have shape \(N, D\) with N at least 2, got"),
        (lambda: mmd_test(GOOD, GOOD * np.nan), "y has 3 rows with NaN .*is row 0; .*diverged"),
        (lambda: mmd_test(GOOD, [["a", "b", "c"]]), "y must hold real numbers, got dtype"),
        (lambda: mmd_test(GOOD, [[1.0], [1.0, 2.0]]), "y cannot be made an array"),
        (lambda: mmd_test(GOOD, GOOD, num_permutations=0), "num_permutations must be a whole"),
        (lambda: mmd_test(GOOD, GOOD, bandwidths=()), "bandwidths must be one positive number"),
        (lambda: mmd_test(GOOD, GOOD, bandwidths=(0.0,)), "every entry of bandwidths must be a"),
        (lambda: mmd_test(GOOD, GOOD, seed=-1), "seed must be a whole number"),
        (lambda: mmd_test(GOOD * 0, GOOD * 0), "median distance .* is 0.*pass bandwidths"),
        (lambda: mode_coverage(GOOD, GOOD, 0.0), "scale must be a positive number, got 0.0"),
        (lambda: mode_coverage(GOOD, GOOD, 1.0, least=0), "least must be a whole number"),
        (lambda: mode_coverage(GOOD, GOOD, 1.0, within=-1), "within must be a positive number"),
        (
            lambda: mode_coverage(GOOD, GOOD[:, :1], 1.0),
            "columns, got centres 1 and samples 3",
        ),
    ],
)
def test_bad_input_is_one_sentence(call: Any, words: str) -> None:
    with pytest.raises(ZooError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
