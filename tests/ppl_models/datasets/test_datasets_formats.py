from __future__ import annotations

import gzip

import numpy as np
import pytest
from mnist_formats import amat_bytes, idx_bytes

from ppl_models.datasets._formats import read_amat, read_bytes, read_idx

PIXELS = np.arange(2 * 3 * 4).reshape(2, 3, 4)
DIGITS = np.array([[0, 1, 1], [1, 0, 0]])


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="data"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write_file


@pytest.mark.parametrize("name", ["data", "data.gz"])
def test_idx_round_trip(write, name):
    assert (read_idx(write(idx_bytes(PIXELS), name), axes=3) == PIXELS).all()
    assert (read_idx(write(idx_bytes(np.arange(7)), name), axes=1) == np.arange(7)).all()


@pytest.mark.parametrize("name", ["data", "data.gz"])
def test_amat_round_trip(write, name):
    assert (read_amat(write(amat_bytes(DIGITS), name), columns=3) == DIGITS).all()


def test_idx_of_labels_is_not_images(write):
    path = write(idx_bytes(np.arange(7)))
    with pytest.raises(
        ValueError,
        match=r"data should begin with 00 00 08 03 .* of 16 bytes; it begins with 00 00 08 01 "
        r"and has 15 bytes\. Fetch the file anew",
    ):
        read_idx(path, axes=3)


@pytest.mark.parametrize("content", [b"", b"<html>no such page</html>", idx_bytes(PIXELS)[:15]])
def test_idx_without_a_header_is_refused(write, content):
    with pytest.raises(ValueError, match=r"data should begin with 00 00 08 03"):
        read_idx(write(content), axes=3)


@pytest.mark.parametrize("content", [idx_bytes(PIXELS)[:-1], idx_bytes(PIXELS) + b"\0"])
def test_idx_of_a_wrong_length_is_refused(write, content):
    with pytest.raises(
        ValueError,
        match=r"should have 40 bytes for the shape \(2, 3, 4\) in its header; it has (39|41)\.",
    ):
        read_idx(write(content), axes=3)


def test_amat_of_a_wrong_length_is_refused(write):
    with pytest.raises(ValueError, match=r"multiple of 6 bytes \(3 digits .*; it has 11\."):
        read_amat(write(amat_bytes(DIGITS)[:-1]), columns=3)
    with pytest.raises(ValueError, match=r"it has 0\. Fetch the file anew"):
        read_amat(write(b""), columns=3)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"0 1 1\n1 2 0\n", r"should have 0 or 1 at byte 3 of row 2; it has '2'"),
        (b"0 1 1\n1 / 0\n", r"should have 0 or 1 at byte 3 of row 2; it has '/'"),
        (b"0 1\t1\n1 0 0\n", r"should have ' ' at byte 4 of row 1; it has '\\t'"),
        (b"0 1 1 1 0 0\n", r"should have '\\n' at byte 6 of row 1; it has ' '"),
        (b"0\n1 1 1\n0 0\n", r"should have ' ' at byte 2 of row 1; it has '\\n'"),
    ],
)
def test_amat_with_a_wrong_byte_names_it(write, content, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_amat(write(content), columns=3)


def damaged_gzip():
    whole = gzip.compress(np.random.default_rng(0).bytes(500))
    flipped = bytearray(whole)
    flipped[-8] ^= 1  # in the checksum
    bad_block = bytearray(whole)
    bad_block[10] = 0xFF  # no such block type
    return [whole[:-200], bytes(flipped), bytes(bad_block), b"<html>", b"\x1f", whole + b"tail"]


@pytest.mark.parametrize("content", damaged_gzip())
def test_damaged_gzip_is_refused(tmp_path, content):
    path = tmp_path / "images.gz"
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=rf"images\.gz should be a whole gzip file, but its {len(content)} bytes"
    ) as caught:
        read_bytes(path)
    assert caught.value.__cause__ is not None


def test_a_few_bytes_that_stand_for_all_of_memory(tmp_path, monkeypatch):
    import gzip

    from ppl_models.datasets import _formats

    monkeypatch.setattr(_formats, "LARGEST", 1000)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(1001)))
    (tmp_path / "data.gz").write_bytes(gzip.compress(bytes(1000)))
    assert _formats.read_bytes(tmp_path / "data.gz") == bytes(1000)
    with pytest.raises(ValueError, match="it holds more than 1,000 bytes"):
        _formats.read_bytes(tmp_path / "bomb.gz")
