"""Polyphonic music: sequences of keys from files of the published form, made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from ppl_models.datasets import load

FILES = {
    "jsb": "JSB_Chorales.mat",
    "nottingham": "Nottingham.mat",
    "piano": "Piano_midi.mat",
    "muse": "MuseData.mat",
}
STEPS = {"train": (5, 3), "valid": (4,), "test": (7, 1, 2)}


def songs(split: str) -> list[np.ndarray]:
    """Sequences of one split, another for each name of a split."""
    random = np.random.default_rng(len(split))
    return [(random.random((steps, 88)) < 0.1).astype(np.uint8) for steps in STEPS[split]]


def cells(parts: list[np.ndarray]) -> np.ndarray:
    """A MATLAB cell array of one row."""
    found = np.empty((1, len(parts)), dtype=object)
    for number, part in enumerate(parts):
        found[0, number] = part
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Small files of the published form, and PPL_DATA that points at them."""
    (tmp_path / "polyphonic").mkdir()
    for file in FILES.values():
        held = {f"{split}data": cells(songs(split)) for split in STEPS}
        savemat(tmp_path / "polyphonic" / file, held)
    monkeypatch.setenv("PPL_DATA", str(tmp_path))
    return tmp_path / "polyphonic"


@pytest.mark.parametrize("name", FILES)
def test_sequences_are_filled_up_with_silence(name: str, folder: Path) -> None:
    del folder
    data = load(name)
    assert data.image_shape == (7, 88)
    for split, steps in STEPS.items():
        x, lengths = data.arrays(split)
        assert lengths.tolist() == list(steps)
        for row, song in zip(x, songs(split), strict=True):
            assert np.array_equal(row[: len(song)], song)
            assert not row[len(song) :].any()
    assert str(data.data_id("test")).startswith(f"{name}+lengths/test/static/")


@pytest.mark.parametrize("name", FILES)
def test_pieces_hold_every_step_once_and_in_order(name: str, folder: Path) -> None:
    del folder
    data = load(name, length=2)
    assert data.image_shape == (2, 88)
    for split, steps in STEPS.items():
        x, lengths = data.arrays(split)
        played = np.concatenate([row[:count] for row, count in zip(x, lengths, strict=True)])
        assert np.array_equal(played, np.concatenate(songs(split)))
        assert len(x) == sum(-(-count // 2) for count in steps)
    assert str(data.data_id("train")).startswith(f"{name}+lengths,length=2/train/static/")


def test_whole_sequences_have_an_id_that_loads_them_again(folder: Path) -> None:
    del folder
    whole = load("muse", length=None)
    assert str(whole.data_id("test")) == str(load("muse", length=7).data_id("test"))
    assert "length=7" in str(whole.data_id("test"))


@pytest.mark.parametrize("length", [0, -1, 1.5, True, "2"])
def test_a_wrong_length_is_refused(length: object, folder: Path) -> None:
    del folder
    with pytest.raises(ValueError, match="length must be None or a whole number of at least 1"):
        load("jsb", length=length)


def test_damaged_files_are_refused(folder: Path) -> None:
    path = folder / FILES["jsb"]
    good = {f"{split}data": cells(songs(split)) for split in STEPS}
    for wrong, match in (
        ({**good, "testdata": cells([np.full((3, 88), 2)])}, r"zeros and ones .* number 0"),
        ({**good, "validdata": cells([np.zeros((3, 87))])}, r"of shape \(steps, 88\)"),
        ({**good, "traindata": cells([])}, "one sequence or more"),
        ({"traindata": good["traindata"]}, "should hold 'validdata', 'testdata'"),
    ):
        savemat(path, wrong)
        with pytest.raises(ValueError, match=match):
            load("jsb")
    path.write_bytes(b"no MATLAB file at all" * 20)
    with pytest.raises(ValueError, match="should be a MATLAB file of version 5"):
        load("jsb")
