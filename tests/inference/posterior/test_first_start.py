"""The first start on a machine or of a day: nothing that processes share can stop one of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from inference.errors import RunFolderError
from inference.training.folder import RunFolder
from inference.training.writing import write_whole

HERE = Path(__file__).parent


def test_arviz_is_imported_by_all_that_start_together_and_in_any_home(tmp_path: Path) -> None:
    """Also where ArviZ's file of the day is damaged, or has no place."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(HERE / "arviz_starts.py"), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(HERE.parents[2])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    failed = json.loads(done.stdout)
    assert len(failed) == 7
    assert {name: said for name, said in failed.items() if said} == {}
    assert not list(tmp_path.rglob("*.tmp"))


def test_files_that_are_written_at_once_are_whole(tmp_path: Path) -> None:
    """Of two that have both written and not yet renamed, neither takes the other's file away."""
    target, meet, failed = tmp_path / "result.json", threading.Barrier(2, timeout=20), []
    flush = os.fsync

    def wait(descriptor: int) -> None:
        flush(descriptor)
        meet.wait()

    def write(content: bytes) -> None:
        try:
            write_whole(target, content)
        except OSError as error:
            failed.append(error)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", wait)
        threads = [threading.Thread(target=write, args=(text * 9,)) for text in (b"a", b"b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []
    assert target.read_bytes() in (b"a" * 9, b"b" * 9)
    assert os.listdir(tmp_path) == ["result.json"]


def test_what_a_kill_left_of_a_run_is_cleared_away(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    (tmp_path / ".spec.json.0a1b.unfinished").write_text('{"pa')
    assert not folder.holds_run()
    folder.create({"pair": {}})
    folder.close()
    seen = sorted(name for name in os.listdir(tmp_path) if name != ".lock")
    assert seen == ["checkpoints", "spec.json"]
    (tmp_path / "spec.json").rename(tmp_path / "mine.txt")
    with pytest.raises(RunFolderError, match="no run folder"):
        folder.holds_run()
