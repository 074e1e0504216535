"""Run folders with one thing changed by chance are refused by name, or say what they said.

`make scoreboard` tries thousands of them, and NaN at more places; here are some of each.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.scoreboard import mutants, numbers
from inference import load_run
from inference.training.status import Stand

pytestmark = pytest.mark.filterwarnings("ignore")


def test_changed_folders_are_refused_or_harmless(tmp_path: Path) -> None:
    assert not list(filter(None, mutants.outcomes("pyro", tmp_path / "loads", 60)))
    found = mutants.outcomes("pyro", tmp_path / "resumes", 6, resume=True)
    assert not list(filter(None, found))


def test_an_older_checkpoint_is_not_passed_off_as_the_end(tmp_path, monkeypatch, caplog) -> None:
    original = mutants.originals("pyro", tmp_path)
    shutil.rmtree(max((original.path / "checkpoints").iterdir()))
    found = load_run(original.path)
    assert (found.status, found.step) == ("running", 4)
    assert "finished after step 8, but its newest checkpoint is of step 4" in caplog.text
    # Planted: where the run is called finished, the board says so.
    monkeypatch.setattr(Stand, "at", lambda self, step, path: self.status)
    assert mutants.loaded(original, original.path).startswith("silent")


def test_numbers_that_go_wrong_are_named(tmp_path: Path) -> None:
    assert not list(filter(None, numbers.outcomes(tmp_path)))
