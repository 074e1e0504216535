"""Files below PPL_DATA that are damaged, or made to do harm: refused in one line."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import tarfile
import warnings
import zipfile
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat
from scipy.sparse import csc_matrix

from ppl_models.datasets import _formats, _tables, load
from ppl_models.datasets._files import PublishedFile, find, hash_of

ROWS = np.random.default_rng(0).normal(size=(40, 8))
KEYS = (np.random.default_rng(1).random((4, 88)) < 0.2).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: Any) -> Path:
    monkeypatch.setenv("PPL_DATA", str(tmp_path))
    return tmp_path


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def refused(name: str, path: Path, /, **options: Any) -> str:
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        load(name, **options)
    said = str(caught.value)
    assert path.name in said
    assert "\n" not in said
    return said


def npy(table: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, table)
    return buffer.getvalue()


def header(shape: str) -> bytes:
    said = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(said).to_bytes(2, "little") + said


def music(**changes: Any) -> bytes:
    held = {f"{split}data": cells(KEYS) for split in ("train", "valid", "test")}
    buffer = io.BytesIO()
    savemat(buffer, held | changes)
    return buffer.getvalue()


def cells(*sequences: Any) -> Any:
    held = np.empty((1, len(sequences)), object)
    for place, each in enumerate(sequences):
        held[0, place] = each
    return held


def element(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def nested(depth: int) -> bytes:
    """A MATLAB file of a cell in a cell in a cell."""
    head = element(6, struct.pack("<II", 1, 0)) + element(5, struct.pack("<ii", 1, 1))
    names = element(1, b"traindata")
    body = head + names if depth == 0 else b""
    sizes, size = [], len(head) + 8
    for _ in range(depth):
        sizes.append(size)
        size += 8 + len(head) + 8
    inner = b"".join(struct.pack("<II", 14, each) + head + element(1, b"") for each in sizes[::-1])
    body = head + names + inner
    start = b"MATLAB 5.0".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    return start + struct.pack("<II", 14, len(body)) + body


MUSIC = {
    "imaginary": (music(traindata=cells(KEYS + 0j)), "complex128"),
    "no steps": (music(testdata=cells(KEYS[:0])), r"shape \(0, 88\)"),
    "sparse": (music(traindata=csc_matrix(KEYS)), "csc_matrix"),
    "twos": (music(traindata=cells(KEYS * 2)), "goes from 0 to 2"),
    "much padding": (music(traindata=cells(*[KEYS[:1]] * 4000, np.zeros((4000, 88)))), "length="),
}


@pytest.mark.parametrize("name", MUSIC)
def test_music_that_is_none(name: str, folder: Path) -> None:
    content, words = MUSIC[name]
    path = put(folder, "polyphonic/JSB_Chorales.mat", content)
    assert pd.Series([refused("jsb", path)]).str.contains(words).all()


def test_cells_within_cells_do_not_end_the_process(folder: Path) -> None:
    """scipy reads them by calls within calls; the process died of thousands of them."""
    put(folder, "polyphonic/JSB_Chorales.mat", nested(50_000))
    script = (
        "from ppl_models.datasets import load\ntry:\n    load('jsb')\n"
        "except ValueError as error:\n    print(error)"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "more than 20 cells within each other" in found.stdout, found


def test_a_part_of_a_file_that_unpacks_to_all_of_memory(folder: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("ppl_models.datasets._matlab.LARGEST", 10_000)
    start = b"MATLAB 5.0".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    packed = zlib.compress(element(14, bytes(20_000)))
    path = put(folder, "frey_face/frey_rawface.mat", start + element(15, packed))
    assert "unpacks to more than 10,000 bytes" in refused("frey_face", path)


def test_labels_that_are_no_classes(folder: Path) -> None:
    held: dict[str, Any] = {}
    for part in ("train", "val", "test"):
        held |= {f"{part}_data": np.zeros((3, 784)), f"{part}_labels": np.ones((3, 1))}
    for odd in (1.5, np.nan, np.inf, 1 + 1j, 102):
        buffer = io.BytesIO()
        savemat(buffer, held | {"train_labels": held["train_labels"] * odd})
        name = "caltech_silhouettes/caltech101_silhouettes_28_split1.mat"
        assert "labels" in refused("caltech_silhouettes", put(folder, name, buffer.getvalue()))


NPY = {
    "complex": (npy(ROWS + 1j), "complex128"),
    "dates": (npy(ROWS.astype("M8[s]")), "datetime64"),
    "text": (npy(ROWS.astype(str)), "real numbers"),
    "constant": (npy(np.zeros((40, 8))), "has one value alone"),
    "few": (npy(ROWS[:10]), "10 rows"),
    "beyond single precision": (npy(ROWS * 1e300), "no finite numbers"),
    "cut": (npy(ROWS)[:-8], "bytes, and should have"),
    "longer": (npy(ROWS) + b"tail", "bytes, and should have"),
    "a header of terabytes": (header("(100000000000, 8)"), "bytes, and should have"),
    "deep header": (header("(" * 20_000), "Header info length"),
    "no columns": (npy(ROWS[:, :0]), "should have shape"),
}


@pytest.mark.parametrize("name", NPY)
def test_tables_of_numpy_that_are_none(name: str, folder: Path) -> None:
    content, words = NPY[name]
    assert words in refused("uci", put(folder, "uci/miniboone/data.npy", content), name="miniboone")


def gas(**columns: Any) -> str:
    return pd.DataFrame({"a": ROWS[:, 0], "b": ROWS[:, 1]} | columns).to_csv(index=False)


CSV = {
    "empty": ("", "cannot be read as csv"),
    "zeros": ("\0" * 99, "is no text"),
    "a word": (gas(c=["x"] * 40), "column 'c' should hold numbers: row 1 says 'x'"),
    "row numbers": (pd.DataFrame(ROWS).to_csv(), "column 1 has no name"),
    "no names": (pd.DataFrame(ROWS).to_csv(index=False, header=False), "must name the columns"),
    "names alone": (gas().splitlines()[0], "has none"),
    "constant": (gas(c=1.0), "one value alone"),
    "torn": (gas() + "1,2,3,4,5", "cannot be read as csv"),
    "wide": (",".join(["1"] * 60_000), "60,000 columns"),
}


@pytest.mark.parametrize("name", CSV)
def test_tables_of_text_that_are_none(name: str, folder: Path) -> None:
    text, words = CSV[name]
    path = put(folder, "uci/gas/ethylene_CO.csv", text.encode())
    assert words in refused("uci", path, name="gas")
    frame = pd.DataFrame(ROWS[:, :3], columns=["# label", "x", "y"])
    frame["# label"] = 1.0
    put(folder, "uci/hepmass/1000_train.csv", frame.to_csv(index=False).encode())
    path = put(folder, "uci/hepmass/1000_test.csv", text.encode())
    refused("uci", path, name="hepmass")


def test_numbers_of_hdf5_that_lie_elsewhere_or_nowhere(folder: Path) -> None:
    other = folder / "other.bin"
    other.write_bytes(ROWS.tobytes())
    path = folder / "uci/BSDS300/BSDS300.hdf5"
    path.parent.mkdir(parents=True)
    makers = {
        "another file": lambda file: file.create_dataset(
            "train", ROWS.shape, "f8", external=[(str(other), 0, ROWS.nbytes)]
        ),
        "link to another file": lambda file: file.update(
            {"train": h5py.ExternalLink(str(path), "/test")}
        ),
        "unpacks to 25.6 GB": lambda file: file.create_dataset(
            "train", (800_000_000, 8), "f4", chunks=(1000, 8)
        ),
        "no array": lambda file: file.create_group("train"),
    }
    for words, make in makers.items():
        with h5py.File(path, "w") as file:
            file["validation"], file["test"] = ROWS, ROWS
            make(file)
        assert words in refused("uci", path, name="bsds300")


def test_an_archive_that_unpacks_to_all_of_memory(folder: Path, monkeypatch: Any) -> None:
    def archive(kind: bytes, content: bytes) -> Path:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as files:
            each = tarfile.TarInfo("data/power/data.npy")
            each.type, each.size, each.linkname = kind, len(content), each.name
            files.addfile(each, io.BytesIO(content))
        return put(folder, "uci/data.tar.gz", buffer.getvalue())

    path = archive(tarfile.REGTYPE, npy(ROWS))
    assert load("uci", name="power").train.shape == (33, 6)
    flipped = bytearray(path.read_bytes())
    flipped[-8] ^= 1  # in the checksum
    path.write_bytes(flipped)
    assert "CRC" in refused("uci", path, name="power")
    for kind in (tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE):
        assert "there is no data/power/data.npy" in refused("uci", archive(kind, b""), name="power")
    monkeypatch.setattr(_tables, "_LARGEST", 10_000)
    path = archive(tarfile.REGTYPE, bytes(100_000))
    assert "more than any table takes" in refused("uci", path, name="power")


def test_a_file_of_a_hundred_gigabytes_is_not_read(folder: Path, monkeypatch: Any) -> None:
    path = put(folder, "frey_face/frey_rawface.mat", b"")
    with path.open("wb") as file:
        file.truncate(100 * 2**30)
    assert f"at most {_formats.LARGEST:,}" in refused("frey_face", path)
    file = PublishedFile("frey_face", path.name, "0" * 64, ())
    assert hash_of(file, path) == "not computed, as it has 107,374,182,400 bytes"


def test_what_stands_in_a_files_place_is_said(folder: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("ppl_models.datasets._files.cache_folder", lambda: folder / "cache")
    (folder / "toy/rows.mat").mkdir(parents=True)
    file = PublishedFile("toy", "rows.mat", None, ("http://127.0.0.1:9/",))
    with pytest.raises(FileNotFoundError, match=r"toy/rows\.mat is a folder, a pipe or a device"):
        find(file)
    monkeypatch.setenv("PPL_DATA", "~nobody_of_that_name/data")
    with pytest.raises(ValueError, match=r"PPL_DATA is '~nobody_of_that_name/data'"):
        find(file)
    monkeypatch.setenv("PPL_DATA", "/" + "x" * 5000)
    with pytest.raises(FileNotFoundError, match=r"rows\.mat was not found"):
        find(file)


def test_parquet_that_unpacks_to_all_of_memory(tmp_path: Path, monkeypatch: Any) -> None:
    """As a column of one value, a milliard times; without pyarrow its library is a stand-in."""
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"PAR1")
    said = SimpleNamespace(num_rows=10**9, num_columns=2)
    parquet = SimpleNamespace(read_metadata=lambda path: said)
    monkeypatch.setitem(sys.modules, "pyarrow", SimpleNamespace(parquet=parquet))
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", parquet)
    monkeypatch.setattr(pd, "read_parquet", lambda path: pd.DataFrame(np.eye(20)))
    with pytest.raises(ValueError, match=r"it unpacks to 16\.0 GB"):
        load(str(path))
    said.num_rows = 20
    assert load(str(path)).train.shape == (16, 20)


@pytest.mark.parametrize("error", [NotImplementedError("a list"), TypeError("x"), KeyError("y")])
def test_parquet_that_its_library_cannot_read(error: Any, tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"PAR1")

    def fails(path: Path) -> None:
        raise error

    monkeypatch.setattr(pd, "read_parquet", fails)
    with pytest.raises(ValueError, match=r"rows\.parquet cannot be read"):
        load(str(path))


def test_a_column_that_is_the_index_is_not_lost(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"PAR1")
    frame = pd.DataFrame(np.eye(20), columns=list("abcdefghijklmnopqrst"))
    monkeypatch.setattr(pd, "read_parquet", lambda path: frame.set_index("a"))
    with pytest.raises(ValueError, match=r"'a' is the table's index .* frame\.reset_index"):
        load(str(path))
    monkeypatch.setattr(pd, "read_parquet", lambda path: frame[::-1].copy())  # numbers of rows
    assert load(str(path)).train.shape == (16, 20)


def test_npz_of_odd_headers_and_of_two_arrays_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("train.npy", header("(True, True)") + bytes(8))
    with pytest.raises(ValueError, match="cannot be read as npz"):
        load(str(path))
    with zipfile.ZipFile(path, "w") as packed, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for table in (np.eye(20), np.ones((20, 20))):
            packed.writestr("train.npy", npy(table))
    with pytest.raises(ValueError, match="it holds an array more than once"):
        load(str(path))
