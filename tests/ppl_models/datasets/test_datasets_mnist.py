from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
from mnist_formats import amat_bytes, idx_bytes

from ppl_models.datasets import load

SPLITS = ("train", "valid", "test")
ROWS = {"train": 50_000, "valid": 10_000, "test": 10_000}


@pytest.fixture
def synthetic(mnist_folder, cache, monkeypatch):
    monkeypatch.setenv("PPL_DATA", str(mnist_folder))


@pytest.fixture
def own_folder(mnist_folder, cache, tmp_path, monkeypatch):
    """A copy of the synthetic files that a test may damage."""
    shutil.copytree(mnist_folder, tmp_path / "data")
    monkeypatch.setenv("PPL_DATA", str(tmp_path / "data"))
    return tmp_path / "data" / "mnist"


@pytest.mark.usefixtures("synthetic")
def test_dynamic():
    mnist = load("mnist")
    assert repr(mnist) == (
        "Dataset('mnist', train=(50000, 784), valid=(10000, 784), test=(10000, 784), "
        "image_shape=(28, 28), labels=yes, binarisation='dynamic', seed=0)"
    )
    row = np.zeros((28, 28), dtype=np.float32)
    row[14] = 9 * np.arange(28) / 255
    np.testing.assert_allclose(mnist.train[[0, -1]], [row.ravel()] * 2, rtol=1e-6)
    np.testing.assert_allclose(mnist.data_mean, row.ravel(), rtol=1e-5)
    for split in ("valid", "test"):
        drawn = getattr(mnist, split)
        assert set(np.unique(drawn)) == {0, 1}
        np.testing.assert_allclose(drawn.mean(axis=0), row.ravel(), atol=0.03)
    assert not (mnist.valid == mnist.test).all()
    for split in SPLITS:
        assert not getattr(mnist, split).flags.writeable
        assert (mnist.labels[split] == np.arange(ROWS[split]) % 10).all()
    again, other = load("mnist"), load("mnist", seed=1)
    assert again.id == mnist.id
    assert other.data_id("test").hash != mnist.data_id("test").hash


@pytest.mark.usefixtures("synthetic")
def test_threshold_is_above_one_half():
    mnist = load("mnist", binarisation="threshold")
    row = mnist.train[0].reshape(28, 28)[14]
    assert (row == (9 * np.arange(28) > 127.5)).all()
    assert str(mnist.data_id("test")).startswith("mnist/test/threshold/")


def test_static_has_its_files_named_when_they_are_absent(own_folder, monkeypatch):
    monkeypatch.setattr("pooch.retrieve", offline)
    with pytest.raises(
        FileNotFoundError, match=r"holds binarized_mnist/binarized_mnist_train\.amat, or put"
    ):
        load("mnist", binarisation="static")


def offline(*, path, **_):
    raise ConnectionError


def test_a_wrong_number_of_images_is_refused(own_folder):
    path = own_folder / "t10k-images-idx3-ubyte"
    path.with_suffix(".gz").unlink()
    path.write_bytes(idx_bytes(np.zeros((3, 28, 28))))
    with pytest.raises(
        ValueError,
        match=r"t10k-images-idx3-ubyte should hold bytes of shape \(10000, 28, 28\); "
        r"it holds shape \(3, 28, 28\)\. Fetch the file anew, or remove it",
    ):
        load("mnist")


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (np.zeros(5), r"should hold 10000 labels; it holds 5\."),
        (np.full(10_000, 10), r"should hold labels from 0 to 9; it holds the label 10\."),
    ],
)
def test_wrong_labels_are_refused(own_folder, labels, sentence):
    path = own_folder / "t10k-labels-idx1-ubyte"
    path.with_suffix(".gz").unlink()
    path.write_bytes(idx_bytes(labels))
    with pytest.raises(ValueError, match=sentence):
        load("mnist")


def test_a_truncated_file_is_refused(own_folder):
    path = own_folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte\.gz should be a whole gzip"):
        load("mnist")


def test_a_wrong_number_of_static_rows_is_refused(cache, tmp_path, monkeypatch):
    path = tmp_path / "binarized_mnist_train.amat"
    path.write_bytes(amat_bytes(np.zeros((2, 784), dtype=int)))
    monkeypatch.setenv("PPL_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=r"_train\.amat should hold 50000 rows; it holds 2\."):
        load("mnist", binarisation="static")


def test_unknown_binarisation_is_refused_before_any_file_is_read(cache):
    with pytest.raises(ValueError, match=r"'dynamic', 'static', 'threshold' or None; got 'grey'"):
        load("mnist", binarisation="grey")


real = pytest.mark.skipif(
    not os.environ.get("PPL_DATA"),
    reason="PPL_DATA is not set; set it to a folder with mnist/ and binarized_mnist/",
)

# The fingerprints of the published files; a change here changes every score that was reported.
REAL_IDS = {
    "dynamic": (
        "mnist/train/dynamic/seed=0/054cd9b36c55",
        "mnist/valid/dynamic/seed=0/a358699db0fd",
        "mnist/test/dynamic/seed=0/346f94981d6b",
    ),
    "threshold": (
        "mnist/train/threshold/6ec86b31a7c0",
        "mnist/valid/threshold/47a9f6a734d6",
        "mnist/test/threshold/8466618b03f1",
    ),
    None: (
        "mnist/train/grey/054cd9b36c55",
        "mnist/valid/grey/4f5fe85e4325",
        "mnist/test/grey/c4667105ea0b",
    ),
    "static": (
        "mnist/train/static/0fc4ea9dfad2",
        "mnist/valid/static/5306a69ce203",
        "mnist/test/static/4c3f15437482",
    ),
}


@real
@pytest.mark.parametrize("binarisation", REAL_IDS)
def test_the_published_files(binarisation):
    mnist = load("mnist", binarisation=binarisation)
    assert tuple(map(str, mnist.id.values())) == REAL_IDS[binarisation]
    assert {split: len(getattr(mnist, split)) for split in SPLITS} == ROWS
    if binarisation == "static":
        assert not mnist.labels
    else:
        assert mnist.labels["train"][:5].tolist() == [5, 0, 4, 1, 9]
        assert mnist.labels["test"][:5].tolist() == [7, 2, 1, 0, 4]
