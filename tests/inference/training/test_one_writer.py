"""One process at a time trains into a folder; others are told who, and readers see whole files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tiny_runs import bare, binary, loaded, quick

from inference.errors import RunFolderError
from inference.training.folder import RunFolder
from inference.training.lock import OWNER, FolderLock


@pytest.fixture
def trained_elsewhere(tmp_path):
    """A folder into which another process trains, and the process."""
    script = str(Path(__file__).with_name("training_child.py"))
    path = tmp_path / "run"
    child = subprocess.Popen([sys.executable, script, "pyro", str(path), "elbo"])
    try:
        deadline = time.monotonic() + 240.0
        while not list((path / "checkpoints").glob("step-*")):
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield path, child
    finally:
        child.kill()
        child.wait()


def test_a_second_writer_is_told_who_is_there_and_readers_read(trained_elsewhere, caplog):
    path, child = trained_elsewhere
    for resume in (True, False):
        with pytest.raises(RunFolderError, match=r"in use|already holds a run") as caught:
            quick(bare("pyro"), binary(), steps=3, out=path, resume=resume)
        if resume:
            assert f"process {child.pid} on" in str(caught.value)
    steps = set()
    deadline = time.monotonic() + 60.0
    while len(steps) < 5:
        steps.add(loaded("pyro", path).step)  # never torn, although old ones are dropped meanwhile
        assert time.monotonic() < deadline
    child.kill()
    child.wait()
    quick(bare("pyro"), binary(), steps=max(steps) + 1, out=path, resume=True)
    assert any(f"process {child.pid}" in r.message and "takes" in r.message for r in caplog.records)


def test_threads_take_turns_or_are_told(tmp_path, reports):
    path = tmp_path / "run"
    entered, leave = threading.Event(), threading.Event()
    ended: list[str] = []

    class Waits:
        def __iter__(self):
            yield binary(4)
            entered.set()
            assert leave.wait(100)
            yield binary(4)

    def first():
        run = quick(bare("pyro"), Waits(), epochs=1, out=path)
        ended.append(run.status)

    thread = threading.Thread(target=first)
    thread.start()
    assert entered.wait(100)
    with pytest.raises(RunFolderError, match=f"in use: process {os.getpid()} on"):
        quick(bare("pyro"), Waits(), epochs=1, out=path, resume=True)
    leave.set()
    thread.join()
    assert ended == ["finished"]


def test_a_run_that_another_began_meanwhile_is_not_overwritten(tmp_path):
    mine, other = RunFolder(tmp_path / "run"), RunFolder(tmp_path / "run")
    assert not mine.holds_run()
    other.create({"pair": {}})
    other.close()
    with pytest.raises(RunFolderError, match="another process began meanwhile"):
        mine.create({"pair": {}})


def test_signs_of_life_from_another_machine(tmp_path):
    owner = tmp_path / OWNER
    owner.write_text(json.dumps({"pid": 7, "host": "another"}))
    with pytest.raises(RunFolderError, match=r"process 7 on another writes .* delete \.owner"):
        FolderLock(tmp_path).acquire()
    later = time.time() + 36_000  # of a machine whose clock goes before
    os.utime(owner, (later, later))
    with pytest.raises(RunFolderError, match="process 7 on another writes into it"):
        FolderLock(tmp_path).acquire()
    long_ago = time.time() - 3600
    os.utime(owner, (long_ago, long_ago))
    lock = FolderLock(tmp_path)
    lock.acquire()
    assert lock.held
    lock.release()
    assert not owner.exists()
    for word in ({"pid": {"a": 1}, "host": [5]}, {"pid": 7, "host": "a\x1b[31mb"}, [1], {}):
        owner.write_text(json.dumps(word))  # which no fit of ours wrote
        lock.acquire()
        lock.release()
