"""Files of one's own that hold something else are refused with the file's name, in one line."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppl_models.datasets import load

ROWS = (np.random.default_rng(0).random((40, 4)) < 0.5).astype(np.float32)


def npz(path: Path, **arrays: Any) -> Path:
    np.savez(path / "rows.npz", **arrays)
    return path / "rows.npz"


def csv(path: Path, text: str) -> Path:
    (path / "rows.csv").write_text(text)
    return path / "rows.csv"


def torn(path: Path) -> Path:
    whole = npz(path, train=ROWS)
    whole.write_bytes(whole.read_bytes()[:300])
    return whole


def empty(path: Path) -> Path:
    (path / "rows.npz").touch()
    return path / "rows.npz"


def no_array(path: Path) -> Path:
    with zipfile.ZipFile(path / "rows.npz", "w") as packed:
        packed.writestr("train.txt", "1")
    return path / "rows.npz"


def bomb(path: Path) -> Path:
    """2.4 GB of zeros in 2 MB."""
    head = "{'descr': '<f8', 'fortran_order': False, 'shape': (3000000, 100), }".ljust(117) + "\n"
    with (
        zipfile.ZipFile(path / "rows.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed,
        packed.open("train.npy", "w", force_zip64=True) as file,
    ):
        file.write(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode())
        for _ in range(75):
            file.write(bytes(32_000_000))
    return path / "rows.npz"


FILES = {
    "torn": (torn, "no zip file"),
    "empty": (empty, "no zip file"),
    "objects": (lambda p: npz(p, train=np.array([None])), "objects of Python"),
    "no array": (no_array, "no array"),
    "NaN": (lambda p: npz(p, train=ROWS * np.nan), "finite"),
    "no rows": (lambda p: npz(p, train=ROWS[:0]), "shape \\(0, 4\\)"),
    "words as labels": (lambda p: npz(p, train=ROWS, train_labels=["a"] * 40), "class numbers"),
    "NaN as label": (lambda p: npz(p, train=ROWS, train_labels=[np.nan] * 40), "class numbers"),
    "labels below 0": (lambda p: npz(p, train=ROWS, train_labels=[-1] * 40), "class numbers"),
    "fewer labels": (lambda p: npz(p, train=ROWS, train_labels=[1] * 39), "shape \\(40,\\)"),
    "half a label": (lambda p: csv(p, "a,label\n" + "1,0.5\n" * 40), "class numbers"),
    "two labels": (lambda p: csv(p, "label,label,a\n" + "1,0,1\n" * 40), "two columns 'label'"),
    "no names": (lambda p: csv(p, "1,0,1\n" * 40), "name the columns"),
    "semicolons": (lambda p: csv(p, "a;b\n" + "1;0\n" * 40), "columns apart by ';'"),
    "tabs": (lambda p: csv(p, "a\tb\n" + "1\t0\n" * 40), "must by commas"),
    "row numbers": (lambda p: csv(p, ",a\n" + "1,0\n" * 40), "column 1 has no name"),
    "more entries than names": (lambda p: csv(p, "a,b\n" + "1,0,1\n" * 40), "have 3 entries"),
    "digits of another script": (lambda p: csv(p, "a\n" + "\u0661\n" * 40), "row 1 says"),
    "labels beyond any class": (lambda p: npz(p, train=ROWS, train_labels=[2**62] * 40), "to 461"),
    "wide": (lambda p: csv(p, ",".join(["1"] * 60_000)), "60,000 columns"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_data_set_is_said(name: str, tmp_path: Path) -> None:
    make, words = FILES[name]
    path = make(tmp_path)
    with pytest.raises(ValueError, match=words.replace("no zip file", "not a zip file")) as caught:
        load(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_that_pandas_writes_are_names(tmp_path: Path) -> None:
    """`DataFrame(x).to_csv(index=False)` calls columns 0, 1, 2."""
    rows = load(str(csv(tmp_path, "0,1\n" + "1,0\n" * 40)))
    assert len(rows.train) + len(rows.valid) + len(rows.test) == 40


def test_whole_numbers_beyond_64_bits_and_spaces_behind_commas_are_read(tmp_path: Path) -> None:
    text = "a, b, split\n" + "99999999999999999999999, 1, train\n" * 40
    rows = load(str(csv(tmp_path, text)))
    assert rows.train[0].tolist() == pytest.approx([1e23, 1])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rows.csv")
    with pytest.raises(FileNotFoundError, match="a pipe"):
        load(str(tmp_path / "rows.csv"))
    with pytest.raises(FileNotFoundError, match="no such file"):
        load("x" * 5000 + ".csv")


def test_a_row_of_a_million_entries_is_not_read(tmp_path: Path) -> None:
    path = csv(tmp_path, "a,b\n\n" + "1," * 100_000 + "1\n")
    with pytest.raises(ValueError, match=r"rows.csv cannot be read: it has 100,001 columns"):
        load(path)


def test_seeds_are_named_and_never_ignored(tmp_path: Path) -> None:
    path = npz(tmp_path, train=ROWS)
    for option in ("seed", "split_seed"):
        with pytest.raises(ValueError, match=f"^{option} must be a whole number"):
            load(path, **{option: 1.5})
