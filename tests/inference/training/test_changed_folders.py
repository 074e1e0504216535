"""Run folders with one thing changed by chance are refused by name, or say what they said.

`make scoreboard` tries thousands of them, and NaN at more places; here are some of each.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.scoreboard import mutants, numbers
from inference import load_run
from inference.errors import RunFolderError
from inference.training.status import Stand

pytestmark = pytest.mark.filterwarnings("ignore")


def test_changed_folders_are_refused_or_harmless(tmp_path: Path) -> None:
    assert not list(filter(None, mutants.outcomes("pyro", tmp_path / "loads", 60)))
    found = mutants.outcomes("pyro", tmp_path / "resumes", 6, resume=True)
    assert not list(filter(None, found))


def test_an_older_checkpoint_is_not_passed_off_as_the_end(tmp_path: Path, monkeypatch) -> None:
    original = mutants.originals("pyro", tmp_path)
    newest = max((original.path / "checkpoints").iterdir())
    shutil.rmtree(newest)
    with pytest.raises(RunFolderError, match="newest checkpoint is of step 4"):
        load_run(original.path)
    # Planted: without the check the board says so.
    monkeypatch.setattr(Stand, "check_newest", lambda self, step, path: None)
    assert mutants.loaded(original, original.path).startswith("silent")


def test_numbers_that_go_wrong_are_named(tmp_path: Path) -> None:
    assert not list(filter(None, numbers.outcomes(tmp_path)))
