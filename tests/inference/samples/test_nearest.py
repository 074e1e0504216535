"""Nearest training rows against brute force, and latent arithmetic against its mean."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from inference import figures, fit, nearest_training
from inference.errors import ArgumentError, DataError
from ppl_models import create

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(300, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def run() -> Any:
    pair = create("ppca", data_dim=4, latent_dim=2, seed=1)
    return fit(pair, X, steps=2, batch_size=50, progress=False)


def test_nearest_rows_by_brute_force(run: Any) -> None:
    drawn = RANDOM.normal(size=(230, 4))
    found = nearest_training(run, drawn)
    distances = np.linalg.norm(drawn[:, None] - X[None], axis=-1)
    np.testing.assert_array_equal(found.indices, distances.argmin(1))
    np.testing.assert_allclose(found.distances, distances.min(1), rtol=1e-6)
    own = np.linalg.norm(X[:, None] - X[None], axis=-1) + 1e9 * np.eye(300)
    np.testing.assert_allclose(np.sort(found.typical), np.sort(own.min(1)), rtol=1e-4)
    assert found.copies == 0


def test_what_was_learnt_by_heart_is_found(run: Any) -> None:
    mixed = np.concatenate([X[:30] + 1e-6, RANDOM.normal(size=(70, 4)) + 5])
    found = nearest_training(run, mixed)
    assert found.copies == pytest.approx(0.3)
    np.testing.assert_array_equal(found.indices[:30], np.arange(30))
    assert "30.0% are copies" in str(found)
    assert nearest_training(run, 5).samples.shape == (5, 4)


def test_a_run_without_its_data_says_so(run: Any) -> None:
    again = pickle.loads(pickle.dumps(run))
    assert again.trained_on is None
    with pytest.raises(ArgumentError, match="pass training="):
        nearest_training(again, 3)
    assert nearest_training(again, 3, training=X).indices.shape == (3,)
    with pytest.raises(DataError, match="equally many columns, got samples 2 and training 4"):
        nearest_training(run, X[:, :2])
    with pytest.raises(DataError, match="training must have two rows or more"):
        nearest_training(run, X, training=X[:1])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_of_a_generator_that_diverged_are_refused(run: Any, bad: float) -> None:
    """They were at a distance that is no number from the rows, and were said to be no copies."""
    broken = X[:5].copy()
    broken[3, 1] = bad
    with pytest.raises(DataError, match=r"samples has 1 rows with NaN or inf.*is row 3"):
        nearest_training(run, broken)
    with pytest.raises(DataError, match=r"training has 1 rows with NaN or inf.*is row 3"):
        nearest_training(run, X, training=broken)
    with pytest.raises(DataError, match=r"samples must have shape \(N, D\)"):
        nearest_training(run, X[:0])


def test_numbers_are_rows_of_one_column(run: Any) -> None:
    found = nearest_training(run, X[:3, 0] + 1e-4, training=X[:, 0])
    np.testing.assert_array_equal(found.indices, np.arange(3))


def test_arithmetic_decodes_sums_and_differences_of_means(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = [RANDOM.normal(size=(rows, 2)) for rows in (3, 1, 5)]
    seen: dict[str, Any] = {}
    decode = type(run).decode

    def noted(self: Any, *given: Any, **latents: Any) -> Any:
        seen.update(latents)
        return decode(self, *given, **latents)

    monkeypatch.setattr(type(run), "decode", noted)
    picture = figures.arithmetic(run, groups[:2], groups[2:], shape=(2, 2))
    means = [group.mean(0) for group in groups]
    np.testing.assert_allclose(seen["z"][:3], means, rtol=1e-6)
    np.testing.assert_allclose(seen["z"][3], means[0] + means[1] - means[2], rtol=1e-5)
    assert picture.axes[0].get_title() == "+ - ="
    for bad in ([], [groups[0], groups[1][:, :1]]):
        with pytest.raises(ArgumentError, match="one group of latents or more"):
            figures.arithmetic(run, bad)
