"""Frey Face: ten folds of a file of the published form, made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from ppl_models.datasets import load


@pytest.fixture
def pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Bytes of the published shape, a column for each face, and PPL_DATA that points at them."""
    drawn = np.random.default_rng(0).integers(256, size=(560, 1965)).astype(np.uint8)
    (tmp_path / "frey_face").mkdir()
    savemat(tmp_path / "frey_face" / "frey_rawface.mat", {"ff": drawn}, do_compression=True)
    monkeypatch.setenv("PPL_DATA", str(tmp_path))
    return drawn


def rows(array: np.ndarray) -> set[bytes]:
    """Rows as a set."""
    return {row.tobytes() for row in array}


def test_every_face_is_in_one_split_and_once_in_a_test_set(pixels: np.ndarray) -> None:
    faces = rows(pixels.T.astype(np.float32) / 255)
    tests: list[bytes] = []
    for fold in range(10):
        data = load("frey_face", fold=fold)
        assert data.image_shape == (28, 20)
        splits = [rows(data.arrays(split)[0]) for split in ("train", "valid", "test")]
        assert set.union(*splits) == faces
        assert sum(map(len, splits)) == 1965
        assert 196 <= len(data.valid) <= len(data.test) + 1 <= 198
        tests += splits[2]
        assert str(data.data_id("test")).startswith(f"frey_face+fold={fold}/test/grey/")
    assert len(tests) == 1965
    assert set(tests) == faces


def test_the_fold_stays_in_the_id_beside_a_second_argument(pixels: np.ndarray) -> None:
    del pixels
    data = load("frey_face", fold=3, quadrants=1)
    assert data.data_id("test").dataset == "frey_face+fold=3,quadrants=1"


@pytest.mark.parametrize("fold", [10, -1, True, 0.5, "0"])
def test_a_wrong_fold_is_refused(fold: object, pixels: np.ndarray) -> None:
    del pixels
    with pytest.raises(ValueError, match="fold must be a whole number from 0 to 9"):
        load("frey_face", fold=fold)


def test_another_shape_is_refused(pixels: np.ndarray, tmp_path: Path) -> None:
    savemat(tmp_path / "frey_face" / "frey_rawface.mat", {"ff": pixels[:, :10]})
    with pytest.raises(ValueError, match=r"should hold bytes of shape \(560, 1965\)"):
        load("frey_face")
