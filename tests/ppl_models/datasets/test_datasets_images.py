"""Fashion-MNIST, Omniglot and Caltech's silhouettes, from files of their forms made here."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from ppl_models.datasets import load, published_files
from ppl_models.datasets._files import PublishedFile, hash_of, held

TURNED = np.arange(784).reshape(28, 28).T.ravel()  # an image's pixels, column by column


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that PPL_DATA names."""
    monkeypatch.setenv("PPL_DATA", str(tmp_path))
    return tmp_path


def omniglot(folder: Path, **changes: Any) -> dict[str, Any]:
    """A small `chardata.mat`: 1,350 and 4 images with their alphabets and letters."""
    random = np.random.default_rng(0)
    made: dict[str, Any] = {}
    for images, target, rows in (("data", "target", 1350), ("testdata", "testtarget", 4)):
        made[images] = random.random((784, rows))
        made[target] = np.eye(50)[:, random.integers(0, 50, rows)]
        made[f"{target}char"] = random.integers(1, 50, (1, rows))
    (folder / "omniglot").mkdir(exist_ok=True)
    savemat(folder / "omniglot" / "chardata.mat", made | changes, do_compression=True)
    return made


def silhouettes(folder: Path, **changes: Any) -> dict[str, Any]:
    """A small split file: zeros and ones in bytes, classes from 1 on."""
    random = np.random.default_rng(1)
    made: dict[str, Any] = {"classnames": np.array([["accordion", "ant"]], dtype=object)}
    for split, rows in (("train", 6), ("val", 3), ("test", 4)):
        made[f"{split}_data"] = random.integers(0, 2, (rows, 784)).astype(np.uint8)
        made[f"{split}_labels"] = random.integers(1, 102, (rows, 1)).astype(np.uint8)
    (folder / "caltech_silhouettes").mkdir(exist_ok=True)
    name = "caltech101_silhouettes_28_split1.mat"
    savemat(folder / "caltech_silhouettes" / name, made | changes)
    return made


def test_omniglot_has_the_split_of_the_published_figures(folder: Path) -> None:
    made = omniglot(folder)
    data = load("omniglot", binarisation=None)
    assert [len(part) for part in (data.train, data.valid, data.test)] == [5, 1345, 4]
    assert data.image_shape == (28, 28)
    np.testing.assert_allclose(data.train, made["data"].T[:5, TURNED], atol=1e-7)
    np.testing.assert_allclose(data.valid[-1], made["data"][TURNED, -1], atol=1e-7)
    np.testing.assert_array_equal(data.labels["test"], made["testtarget"].argmax(0))
    np.testing.assert_array_equal(data.labels["valid"], made["target"].argmax(0)[5:])
    assert str(data.data_id("test")).startswith("omniglot/test/grey/")


def test_omniglot_is_binarised_as_mnist_is(folder: Path) -> None:
    omniglot(folder)
    data = load("omniglot", seed=3)
    assert data.dynamic
    assert set(np.unique(data.test)) == {0.0, 1.0}
    assert not np.isin(data.train, (0, 1)).all()
    grey = load("omniglot", binarisation=None).test
    np.testing.assert_array_equal(load("omniglot", binarisation="threshold").test, grey > 0.5)
    with pytest.raises(ValueError, match="binarisation of 'omniglot' must be one of"):
        load("omniglot", binarisation="static")


def test_silhouettes_are_upright_zeros_and_ones(folder: Path) -> None:
    made = silhouettes(folder)
    data = load("caltech_silhouettes")
    assert [len(part) for part in (data.train, data.valid, data.test)] == [6, 3, 4]
    for split, file in (("train", "train"), ("valid", "val"), ("test", "test")):
        np.testing.assert_array_equal(getattr(data, split), made[f"{file}_data"][:, TURNED])
        np.testing.assert_array_equal(data.labels[split], made[f"{file}_labels"][:, 0] - 1.0)
    assert str(data.data_id("train")).startswith("caltech_silhouettes/train/static/")


@pytest.mark.parametrize(
    ("make", "name", "changes", "words"),
    [
        (omniglot, "omniglot", {"data": np.zeros((783, 9))}, r"'data' should hold real numbers"),
        (omniglot, "omniglot", {"testdata": np.full((784, 4), 1.5)}, r"'testdata' should hold"),
        (
            omniglot,
            "omniglot",
            {"testtarget": np.zeros((50, 4))},
            "a one among zeros for each of 4",
        ),
        (omniglot, "omniglot", {"data": np.zeros((784, 2)), "target": np.eye(50)[:, :2]}, "1345"),
        (silhouettes, "caltech_silhouettes", {"val_data": np.full((3, 784), 2)}, "zeros and ones"),
        (silhouettes, "caltech_silhouettes", {"test_labels": np.ones((3, 1))}, "3 classes"),
        (
            silhouettes,
            "caltech_silhouettes",
            {"test_labels": np.zeros((4, 1))},
            "class from 1 to 101",
        ),
    ],
)
def test_other_contents_are_refused(
    make: Any, name: str, changes: dict[str, Any], words: str, folder: Path
) -> None:
    make(folder, **changes)
    with pytest.raises(ValueError, match=words):
        load(name)


@pytest.mark.parametrize(
    ("make", "name"), [(omniglot, "omniglot"), (silhouettes, "caltech_silhouettes")]
)
def test_a_hash_of_the_users_own_is_held(make: Any, name: str, folder: Path) -> None:
    make(folder)
    (file,) = published_files(name)
    path = held(file)
    assert path is not None
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert str(load(name, sha256=sha256).data_id("test")) == str(load(name).data_id("test"))
    with pytest.raises(ValueError, match=f"has the SHA-256 {sha256}, and sha256='0000"):
        load(name, sha256="0" * 64)
    with pytest.raises(ValueError, match=r"sha256 must be the 64 hexadecimal digits .* got 'abc'"):
        load(name, sha256="abc")


@pytest.mark.parametrize("name", ["omniglot", "caltech_silhouettes"])
def test_nothing_is_downloaded_without_a_hash(name: str, folder: Path, cache: Path) -> None:
    """A file in the cache, which nobody can vouch for, does not count either."""
    (file,) = published_files(name)
    (cache / file.folder).mkdir(parents=True)
    (cache / file.folder / file.name).write_bytes(b"whatever")
    with pytest.raises(
        FileNotFoundError, match=r"no SHA-256 of it is known for certain. Fetch http"
    ):
        load(name)


def test_with_a_hash_it_is_downloaded(
    folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ppl_models.datasets import omniglot as module

    site = tmp_path / "site"
    site.mkdir()
    omniglot(site)
    source = site / "omniglot" / "chardata.mat"
    own = PublishedFile("omniglot", source.name, None, (source.parent.as_uri() + "/",))
    monkeypatch.setattr(module, "FILES", (own,))
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    assert len(load("omniglot", sha256=sha256).test) == 4
    assert (cache / "omniglot" / "chardata.mat").read_bytes() == source.read_bytes()
    with pytest.raises(FileNotFoundError, match="served a file with a wrong SHA-256"):
        load("omniglot", sha256="1" * 64)


def test_fashion_mnist_is_read_as_mnist_is(
    mnist_folder: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files have the names of MNIST's, and are not taken from a folder that has those."""
    monkeypatch.setenv("PPL_DATA", str(mnist_folder / "mnist"))
    files = published_files("fashion_mnist")
    assert all(held(file) is None for file in files)
    root = tmp_path / "root"
    root.mkdir()
    for name in ("mnist", "fashion_mnist"):
        (root / name).symlink_to(mnist_folder / "mnist")
    monkeypatch.setenv("PPL_DATA", str(root))
    data, other = load("fashion_mnist", seed=2), load("mnist", seed=2)
    assert data.name == "fashion_mnist"
    assert [len(part) for part in (data.train, data.valid, data.test)] == [50_000, 10_000, 10_000]
    np.testing.assert_array_equal(data.test, other.test)
    np.testing.assert_array_equal(data.labels["valid"], other.labels["valid"])


def test_hashes_are_of_the_published_form(tmp_path: Path) -> None:
    content = b"0 1\n1 0\n"
    plain, packed = tmp_path / "some.amat", tmp_path / "some.amat.gz"
    plain.write_bytes(content)
    packed.write_bytes(gzip.compress(content))
    file = PublishedFile("some", "some.amat", None, ())
    own = hashlib.sha256(content).hexdigest()
    assert hash_of(file, plain) == hash_of(file, packed) == own
    packed.write_bytes(packed.read_bytes()[:-4])
    assert hash_of(file, packed) == "of no whole gzip file"
    published = PublishedFile("some", "some.amat.gz", None, ())
    assert hash_of(published, plain) is None
