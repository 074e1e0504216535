"""The tables of flows, on small files in their formats: what is dropped, split and normalised."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from inference.cli.data import parse_data_id
from ppl_models.datasets import load, uci

ROWS = 200


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: Any) -> Path:
    """Small files in the formats of all five tables."""
    random = np.random.default_rng(0)
    for name in ("power", "gas", "hepmass", "miniboone", "BSDS300"):
        (tmp_path / "uci" / name).mkdir(parents=True)
    np.save(tmp_path / "uci/power/data.npy", random.normal(size=(ROWS, 8)).round(3))
    np.save(tmp_path / "uci/miniboone/data.npy", random.normal(3, 2, size=(ROWS, 5)))
    gas = pd.DataFrame(
        random.normal(size=(ROWS, 6)), columns=["Time", "Meth", "Eth", "a", "b", "c"]
    )
    gas["d"] = gas["b"] + 1e-3 * gas["c"]  # says what b says
    gas.to_csv(tmp_path / "uci/gas/ethylene_CO.csv", index=False)
    for part in ("train", "test"):
        table = pd.DataFrame(
            random.normal(2, 3, size=(ROWS, 4)), columns=["f0", "f1", "f2", "mass"]
        )
        table["f1"] = np.repeat([0.0, 1.0], ROWS // 2)
        table.insert(0, "# label", np.tile([1.0, 0.0], ROWS // 2))
        text = table.to_csv(index=False)
        if part == "test":  # the published file ends its rows with a comma
            head, *rows = text.splitlines()
            text = "\n".join([head, *(f"{row}," for row in rows)]) + "\n"
        (tmp_path / f"uci/hepmass/1000_{part}.csv").write_text(text)
    with h5py.File(tmp_path / "uci/BSDS300/BSDS300.hdf5", "w") as file:
        for split, rows in (("train", 20), ("validation", 6), ("test", 5)):
            file[split] = random.normal(size=(rows, 63))
    monkeypatch.setenv("PPL_DATA", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("power", [(162, 6), (18, 6), (20, 6)]),
        ("gas", [(162, 3), (18, 3), (20, 3)]),
        ("hepmass", [(90, 3), (10, 3), (100, 3)]),
        ("miniboone", [(162, 5), (18, 5), (20, 5)]),
        ("bsds300", [(20, 63), (6, 63), (5, 63)]),
    ],
)
def test_tables_are_split_and_normalised(folder: Path, name: str, shapes: list[Any]) -> None:
    data = load("uci", name=name.upper())
    assert [data.train.shape, data.valid.shape, data.test.shape] == shapes
    assert data.binarisation == "real"
    if name not in ("bsds300", "gas", "hepmass"):
        seen = np.concatenate([data.train, data.valid])
        np.testing.assert_allclose(seen.mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(seen.std(0), 1, rtol=1e-4)
    again, options = parse_data_id(str(data.data_id("train")))
    assert load(again, **options).id == data.id


def test_the_rows_are_the_published_ones(folder: Path) -> None:
    table = np.load(folder / "uci/miniboone/data.npy")
    kept = table[:180]
    expected = (table[180:] - kept.mean(0)) / kept.std(0)
    np.testing.assert_allclose(load("uci", name="miniboone").test, expected, rtol=1e-4, atol=1e-5)
    table = np.load(folder / "uci/power/data.npy")
    order = np.random.RandomState(42).permutation(ROWS)
    power = load("uci", name="power").test[:, -1]  # the one column without noise
    time = table[order][:, 7]
    np.testing.assert_allclose(
        power, (time[180:] - time[:180].mean()) / time[:180].std(), rtol=1e-4
    )


def test_the_archive_is_read_where_its_hash_is_right(
    folder: Path, tmp_path_factory: Any, monkeypatch: Any
) -> None:
    served, cache = tmp_path_factory.mktemp("served"), tmp_path_factory.mktemp("cache")
    with tarfile.open(served / "data.tar.gz", "w:gz") as archive:
        archive.add(folder / "uci/miniboone/data.npy", "data/miniboone/data.npy")
    expected = load("uci", name="miniboone").id
    digest = hashlib.md5((served / "data.tar.gz").read_bytes()).hexdigest()
    monkeypatch.delenv("PPL_DATA")
    monkeypatch.setattr("ppl_models.datasets._files.cache_folder", lambda: cache)
    for known, good in ((digest, True), ("0" * 32, False)):
        file = uci.PublishedFile("uci", "data.tar.gz", f"md5:{known}", (f"{served.as_uri()}/",))
        monkeypatch.setattr(uci, "_ARCHIVE", file)
        if good:
            assert load("uci", name="miniboone").id == expected
            with pytest.raises(ValueError, match=r"archive with data/power/data\.npy"):
                load("uci", name="power")
        else:
            with pytest.raises(FileNotFoundError, match="wrong MD5"):
                load("uci", name="miniboone")


def test_what_is_wrong_is_said(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"name must be one of power, gas.*'mnist'"):
        load("uci", name="mnist")
    (folder / "uci/gas/ethylene_CO.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"pickle.*not read here.*read_pickle.*to_csv"):
        load("uci", name="gas")
    (folder / "uci/BSDS300/BSDS300.hdf5").write_bytes(b"no such thing")
    with pytest.raises(ValueError, match=r"BSDS300\.hdf5 should be a file of HDF5"):
        load("uci", name="bsds300")
    np.save(folder / "uci/power/data.npy", np.zeros((20, 3)))
    with pytest.raises(ValueError, match=r"power/data\.npy should have shape \(N, 8\)"):
        load("uci", name="power")
    buffer = io.BytesIO()
    np.save(buffer, np.array([{}], dtype=object), allow_pickle=True)
    (folder / "uci/miniboone/data.npy").write_bytes(buffer.getvalue())
    with pytest.raises(ValueError, match=r"miniboone/data\.npy should be an array"):
        load("uci", name="miniboone")
