"""`ppl-zoo data`: list, show, verify."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest
from typer.testing import CliRunner

import ppl_models.datasets._files as files
from inference.cli import app
from inference.cli.text import console
from ppl_models.datasets import frey_face, list_datasets
from ppl_models.datasets._files import PublishedFile

CONTENT = b"the published bytes"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """PPL_DATA with nothing in it, an empty cache, and one data set's file of known bytes."""
    monkeypatch.setattr(files, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setenv("PPL_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(console, "_width", 300)
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    own = PublishedFile("frey_face", "faces.mat", sha256, ("http://127.0.0.1:9/",))
    monkeypatch.setattr(frey_face, "FILES", (own,))
    (tmp_path / "data" / "frey_face").mkdir(parents=True)
    return tmp_path / "data" / "frey_face"


def said(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["data", *words])
    assert result.exit_code == code, result.output
    return result.output


def test_list_names_all_and_where_their_files_are(folder: Path) -> None:
    text = said("list")
    rows = {line.split("│")[1].strip(): line for line in text.splitlines() if "│" in line}
    assert set(list_datasets()) <= set(rows)
    assert "none needed" in rows["digits"]
    assert "0 of 1 here" in rows["frey_face"]
    assert "0 of 7 here" in rows["mnist"]
    (folder / "faces.mat").write_bytes(CONTENT)
    assert "1 of 1 here" in said("list")


def test_show_says_options_files_and_ids(folder: Path) -> None:
    text = said("show", "digits")
    for words in (
        "binarisation",
        "seed of the draws",
        "(1297, 64)",
        "digits/test/dynamic/seed=0/",
        "8 x 8",
    ):
        assert words in text
    text = said("show", "frey_face")
    for words in ("one man's face", "fold", "not here", "http://127.0.0.1:9/faces.mat"):
        assert words in text
    assert "no data set 'digit'. Did you mean 'digits'" in said("show", "digit", code=2)


def test_verify_tells_right_from_wrong(folder: Path) -> None:
    path = folder / "faces.mat"
    assert "not here" in said("verify")  # no fault: nobody asked for it
    assert "not here" in said("verify", "frey_face", code=1)
    path.write_bytes(CONTENT)
    assert "as published" in said("verify", "frey_face")
    path.write_bytes(CONTENT + b"!")
    wrong = hashlib.sha256(CONTENT + b"!").hexdigest()
    assert f"another file: its SHA-256 is {wrong}" in said("verify", code=1)
    path.unlink()
    packed = path.with_name("faces.mat.gz")
    packed.write_bytes(gzip.compress(CONTENT))
    assert "as published" in said("verify", "frey_face")
    assert "digits: needs no file." in said("verify", "digits")
    (folder.parent / "omniglot").mkdir()
    (folder.parent / "omniglot" / "chardata.mat").write_bytes(b"who knows")
    assert "no SHA-256 of it is known" in said("verify", "omniglot")
