"""Precision and recall, distances of features, classifier score, Parzen window."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy.linalg import sqrtm
from sklearn.neighbors import KernelDensity, NearestNeighbors

from inference import (
    classifier_score,
    frechet_distance,
    kernel_distance,
    parzen_log_likelihood,
    precision_recall,
)
from inference.data.rows import slices
from inference.errors import ZooError


def test_precision_and_recall_on_a_line() -> None:
    """k = 1: the radius of a ball is the distance to the nearest other row.

    Real balls are [-1, 1], [0, 2] and [1, 19], generated ones [2.5, 3.5], [3, 4] and [3.5, 36.5].
    Of the generated 3, 3.5 and 20 the first two are in real balls; of the real 0, 1 and 10 only 10
    is in a generated one.
    """
    real, generated = np.array([[0.0], [1.0], [10.0]]), np.array([[3.0], [3.5], [20.0]])
    found = precision_recall(real, generated, k=1)
    assert (found.precision, found.recall) == (2 / 3, 1 / 3)
    assert found.name == "precision and recall (k = 1), 3/3"
    edge = precision_recall(real, np.array([[2.0], [2.0], [19.0]]), k=1)
    assert edge.precision == 1  # the edges of balls are in them
    assert edge.recall == pytest.approx(1 / 3)  # radii 0, 0, 17: [2, 36] reaches 10
    far = np.array([[0.0], [0.0], [1.0], [1e9], [1e9 + 1]])  # must not widen the balls here
    assert precision_recall(far, np.array([[2.5], [50.0], [1.5], [1e6]]), k=1).precision == 1 / 4


def test_precision_and_recall_of_equal_and_of_far_sets() -> None:
    random = np.random.default_rng(0)
    real = random.normal(size=(50, 4))
    same = precision_recall(real, real[::-1])
    assert (same.precision, same.recall) == (1, 1)
    far = precision_recall(real, random.normal(size=(40, 4)) + 100)
    assert (far.precision, far.recall) == (0, 0)
    narrow = 0.05 * random.normal(size=(40, 4))  # one place of all that the real ones are at
    half = precision_recall(real, narrow)
    assert half.precision == 1
    assert half.recall < 0.1


def test_precision_and_recall_are_those_of_nearest_neighbours() -> None:
    random = np.random.default_rng(1)
    real, generated = random.normal(size=(1500, 3)), random.normal(0.4, 1.2, size=(1200, 3))

    def share(support: np.ndarray, asked: np.ndarray) -> float:
        reach = NearestNeighbors(n_neighbors=6).fit(support).kneighbors(support)[0][:, 5]
        near, where = NearestNeighbors().fit(support).radius_neighbors(asked, float(reach.max()))
        return float(np.mean([(d <= reach[i]).any() for d, i in zip(near, where, strict=True)]))

    found = precision_recall(real, generated, k=5)
    assert found.precision == share(real, generated)
    assert found.recall == share(generated, real)


def test_frechet_distance_is_that_of_the_gaussians() -> None:
    random = np.random.default_rng(2)
    a = random.normal(size=(40, 5)) @ random.normal(size=(5, 5))
    b = random.normal(size=(30, 5)) + 3
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = np.real(sqrtm(cov_a @ cov_b))
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a + cov_b - 2 * root)
    found = frechet_distance(a, b, features="toy-features")
    np.testing.assert_allclose(found.value, expected, rtol=1e-9)
    assert found.name == "toy-features Frechet distance, 40/30"
    assert float(found) == found.value
    # Covariances that commute: sum of squared differences of standard deviations.
    corners = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))
    one, two = corners * [1.0, 2.0, 3.0], corners * [4.0, 2.0, 1.0] + [0.0, 5.0, 0.0]
    expected = 25 + (9 + 0 + 4) * 8 / 7
    np.testing.assert_allclose(frechet_distance(one, two).value, expected, rtol=1e-10)
    # Singular covariances, and one column.
    np.testing.assert_allclose(frechet_distance(a[:3], a[:3]).value, 0, atol=1e-6)
    line = frechet_distance(np.array([[0.0], [2.0]]), np.array([[5.0], [5.0]]))
    np.testing.assert_allclose(line.value, 16 + 2, rtol=1e-12)


def test_kernel_distance_is_unbiased_and_states_its_error() -> None:
    """Over 2,000 pairs of samples from two laws on three points, whose MMD^2 is a finite sum.

    The mean is within 4.5 of its standard errors; a right estimator fails below 1e-5. The biased
    estimate, which counts each row with itself, is further off than that.
    """
    points = np.array([[0.0, 1.0], [1.0, -1.0], [-2.0, 0.5]])
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.4, 0.4])
    gram = (points @ points.T / 2 + 1) ** 3
    exact = (p - q) @ gram @ (p - q)
    random = np.random.default_rng(3)
    found, biased = [], []
    for _ in range(2000):
        a, b = (points[random.choice(3, size=8, p=law)] for law in (p, q))
        found.append(kernel_distance(a, b, block_size=4).value)
        cubic = [(u @ v.T / 2 + 1) ** 3 for u, v in ((a, a), (b, b), (a, b))]
        biased.append(cubic[0].mean() + cubic[1].mean() - 2 * cubic[2].mean())
    for values, right in ((found, True), (biased, False)):
        error = np.std(values) / math.sqrt(2000)
        assert (abs(np.mean(values) - exact) < 4.5 * error) == right
    stated = [
        kernel_distance(*(points[random.choice(3, size=400, p=law)] for law in (p, q)))
        for _ in range(300)
    ]
    actual = np.std([each.value for each in stated])
    average = math.sqrt(np.mean([each.standard_error**2 for each in stated]))
    # A standard deviation from 300 draws is right to 4.1 %, times 4.5, and tails are heavier.
    assert abs(average / actual - 1) < 0.25
    assert stated[0].name == "features kernel distance, 400/400"
    assert math.isnan(kernel_distance(points, points).standard_error)


def test_classifier_score_is_between_one_and_the_classes() -> None:
    certain = np.eye(7)[np.arange(70) % 7]
    assert float(classifier_score(certain)) == pytest.approx(7, rel=1e-12)
    assert float(classifier_score(np.full((20, 7), 1 / 7))) == pytest.approx(1, rel=1e-12)
    assert float(classifier_score(certain[:1])) == pytest.approx(1, rel=1e-12)
    two = np.array([[0.9, 0.1], [0.4, 0.6]])
    mean = (0.65, 0.35)
    kl = [sum(p * math.log(p / m) for p, m in zip(row, mean, strict=True)) for row in two]
    found = classifier_score(two, features="toy")
    assert found.value == pytest.approx(math.exp(sum(kl) / 2), rel=1e-12)
    assert found.name == "toy classifier score, 2"


def test_parzen_is_the_kernel_density_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(4)
    samples, valid, test = (random.normal(50, 1, size=(n, 6)) for n in (40, 25, 30))
    monkeypatch.setattr("inference.samples.parzen._BLOCK", 7)
    scales = (0.2, 0.5, 0.9, 4.0)
    found = parzen_log_likelihood(samples, valid, test, bandwidths=scales)
    for scale in scales:
        density = KernelDensity(bandwidth=scale).fit(samples)
        mean = density.score_samples(valid).mean()
        np.testing.assert_allclose(found.valid_means[scale], mean, rtol=1e-9)
    best = max(scales, key=lambda scale: found.valid_means[scale])
    assert found.bandwidth == best == 0.9
    scores = KernelDensity(bandwidth=best).fit(samples).score_samples(test)
    np.testing.assert_allclose(found.mean, scores.mean(), rtol=1e-9)
    np.testing.assert_allclose(found.standard_error, scores.std(ddof=1) / math.sqrt(30), rtol=1e-9)
    assert found.name == "Parzen log-likelihood, 40/25/30"


def test_parzen_integrates_to_one() -> None:
    line = np.linspace(-12, 12, 4001)[:, None]
    samples = np.array([[-1.0], [0.5], [2.0]])
    each = [
        parzen_log_likelihood(samples, line[:1], row[None], bandwidths=(0.3,)).mean
        for row in line[::10]
    ]
    assert np.trapezoid(np.exp(each), line[::10, 0]) == pytest.approx(1, abs=1e-6)


def test_parzen_says_when_the_grid_is_too_short() -> None:
    random = np.random.default_rng(5)
    samples, valid = random.normal(size=(2, 30, 2))
    with pytest.warns(UserWarning, match=r"bandwidth 0\.02 is at the end .* reach further"):
        parzen_log_likelihood(samples, valid, valid, bandwidths=(0.01, 0.02))


def test_blocks_are_all_rows_in_turn() -> None:
    assert [(part.start, part.stop) for part in slices(5, 2)] == [(0, 2), (2, 4), (4, 5)]


GOOD = np.eye(4)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: precision_recall(GOOD, GOOD, k=0), "k must be a whole number of at least 1"),
        (lambda: precision_recall(GOOD, GOOD, k=4), r"real must have .*N at least 5, got \(4, 4\)"),
        (lambda: frechet_distance(GOOD[0], GOOD), r"a must have shape \(N, D\).*got \(4,\)"),
        (lambda: kernel_distance(GOOD, GOOD, block_size=0), "block_size must be a whole number"),
        (lambda: classifier_score(GOOD * 2), "row 0 has .* sum 2. Pass probabilities, not logits"),
        (lambda: classifier_score([[1.5, -0.5]]), "row 0 has least entry -0.5"),
        (
            lambda: parzen_log_likelihood(GOOD, GOOD, GOOD[:, :2]),
            "columns, got samples 4 and valid 4 and test 2",
        ),
        (
            lambda: parzen_log_likelihood(GOOD, GOOD, GOOD, bandwidths=(-1.0,)),
            "every entry of bandwidths must be a positive number, got -1.0",
        ),
    ],
)
def test_bad_input_is_one_sentence(call: Any, words: str) -> None:
    with pytest.raises(ZooError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
