"""Signals, errors inside a step, full disks: what is done is kept, and the folder says so."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_runs import assert_same_parameters, assert_same_run, bare, binary, loaded, quick

from inference import load_run
from inference.errors import DivergenceError, RunFolderError
from inference.training import checkpoints, folder, writing
from inference.training.progress import Progress


def status(path: Path) -> dict[str, Any]:
    return json.loads((path / "status.json").read_text())


def ended_by(engine: str, path: Path, number: int) -> int:
    """Start a fit in another process, send it a signal at its first checkpoint; its exit code."""
    script = str(Path(__file__).with_name("training_child.py"))
    # A child of what nohup started ignores SIGHUP from the start.
    before = signal.signal(number, signal.SIG_DFL)
    try:
        child = subprocess.Popen(
            [sys.executable, script, engine, str(path), "elbo"], stderr=subprocess.PIPE
        )
    finally:
        signal.signal(number, before)
    try:
        deadline = time.monotonic() + 240.0
        while not list((path / "checkpoints").glob("step-*")):
            assert child.poll() is None, child.communicate()[1].decode()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        child.send_signal(number)
        child.communicate(timeout=60)
    finally:
        child.kill()
    return child.returncode


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_that_ends_the_process_saves_first(name, engine, tmp_path, reports):
    number = getattr(signal, name)
    assert ended_by(engine, tmp_path / "run", number) == -number
    part = loaded(engine, tmp_path / "run")
    assert part.status == status(tmp_path / "run")["status"] == "interrupted"
    assert status(tmp_path / "run")["step"] == part.step
    target = part.step + 7
    resumed = quick(bare(engine), binary(), steps=target, out=tmp_path / "run", resume=True)
    assert_same_run(resumed, quick(bare(engine), binary(), steps=target))


def test_a_handler_of_the_users_has_the_last_word(engine, reports, monkeypatch):
    calls: list[int] = []
    monkeypatch.setattr(
        Progress, "advance", lambda self, step, loss: os.kill(os.getpid(), signal.SIGTERM)
    )
    before = signal.signal(signal.SIGTERM, lambda number, _: calls.append(number))
    try:
        run = quick(bare(engine), binary(), steps=40)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert run.status == "interrupted"
    assert signal.SIGTERM in calls


class TroubleError(Exception):
    """Some error of a user's own."""


ERRORS = [
    MemoryError("no more"),
    RuntimeError("CUDA error: out of memory"),
    TroubleError("a schedule's"),
    SystemExit(3),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_an_error_in_a_step_keeps_the_last_good_state(
    error, engine, tmp_path, reports, monkeypatch
):
    path = tmp_path / "run"
    good = quick(bare(engine), binary(), steps=12)

    def advance(self, step, loss):
        if step > 12:
            raise error

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "advance", advance)
        with pytest.raises(type(error)) as caught:
            quick(bare(engine), binary(), steps=100, out=path, checkpoint_seconds=0.0)
    run: Any = caught.value
    assert run.run.step == 12
    assert_same_parameters(run.run.parameters, good.parameters)
    assert "step 12 is in this error's .run, and its checkpoint in" in caught.value.__notes__[0]
    kept = loaded(engine, path)
    assert kept.step == 12
    assert kept.status == ("failed" if isinstance(error, Exception) else "interrupted")
    assert type(error).__name__ in status(path)["message"]
    resumed = quick(bare(engine), binary(), steps=20, out=path, resume=True)
    assert_same_run(resumed, quick(bare(engine), binary(), steps=20))


class CurtError(Exception):
    def add_note(self, note: str) -> None:
        raise AttributeError("it takes no notes")


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("it cannot say it")


@dataclass(frozen=True)
class FrozenError(Exception):
    where: int = 0


LAST_WORDS = [CurtError(), SilentError(), FrozenError(), ValueError("x" * 10**7)]


@pytest.mark.parametrize("error", LAST_WORDS, ids=lambda e: type(e).__name__)
def test_an_error_that_cannot_be_written_down_is_still_what_is_raised(
    error, engine, tmp_path, reports
):
    path = tmp_path / "run"

    def advance(self, step, loss):
        if step > 12:
            raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Progress, "advance", advance)
        with pytest.raises(type(error)) as caught:
            quick(bare(engine), binary(), steps=100, out=path, checkpoint_seconds=0.0)
    assert caught.value is error
    kept = loaded(engine, path)
    assert (kept.step, kept.status) == (12, "failed")


class Failing:
    """Four batches an epoch, of which the third of a later epoch cannot be read."""

    def __init__(self, error: BaseException, *, fails: bool) -> None:
        self.fails, self.error, self.epochs = fails, error, 0

    def __iter__(self) -> Iterator[np.ndarray]:
        self.epochs += 1
        for number in range(4):
            if number == 2 and self.epochs > 4 and self.fails:
                raise self.error
            yield binary(4, seed=number)


@pytest.mark.parametrize(("error", "step"), [(OSError("gone"), 18), (SystemExit(3), 16)], ids=repr)
def test_batches_that_fail_lose_no_step(error, step, engine, tmp_path, reports):
    path = tmp_path / "run"
    with pytest.raises(type(error)) as caught:
        quick(bare(engine), Failing(error, fails=True), steps=20, out=path, checkpoint_seconds=1e9)
    run: Any = caught.value
    assert run.run.step == loaded(engine, path).step == step  # an error waits, an exit does not
    whole = Failing(error, fails=False)
    resumed = quick(bare(engine), whole, steps=20, out=path, resume=True)
    assert_same_run(resumed, quick(bare(engine), whole, steps=20))


@pytest.mark.parametrize("trouble", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_disk_that_fills_up(trouble, engine, tmp_path, reports, monkeypatch):
    real = writing.write_whole

    def write(path, content):
        if "step" in str(path.parent) or ".writing" in str(path.parent):
            raise OSError(trouble, os.strerror(trouble))
        real(path, content)

    monkeypatch.setattr(writing, "write_whole", write)
    with pytest.raises(RunFolderError, match="cannot be written") as caught:
        quick(bare(engine), binary(), steps=13, out=tmp_path / "run", checkpoint_seconds=1e9)
    run: Any = caught.value
    assert run.run.step == 13
    assert_same_parameters(run.run.parameters, quick(bare(engine), binary(), steps=13).parameters)
    assert status(tmp_path / "run")["status"] == "failed"


def test_a_divergence_is_said_in_the_folder(engine, tmp_path, reports):
    with pytest.raises(DivergenceError):
        quick(bare(engine), binary(), steps=300, learning_rate=1e6, out=tmp_path / "run")
    assert status(tmp_path / "run")["status"] == "diverged"
    assert loaded(engine, tmp_path / "run").status == "diverged"


def test_checkpoints_come_by_time_within_an_epoch(engine, tmp_path, monkeypatch):
    """An epoch of 200 steps, which never ends; a checkpoint is due every second."""
    monkeypatch.setattr("inference.training.loop._Pace.chunk", lambda self: 4)
    clock = iter(np.arange(0.0, 1e4, 0.25))
    monkeypatch.setattr("inference.training.loop.time.monotonic", lambda: float(next(clock)))
    saved: list[int] = []
    real = folder.RunFolder.save

    def save(self, checkpoint):
        saved.append(checkpoint.progress["step"])
        real(self, checkpoint)

    monkeypatch.setattr(folder.RunFolder, "save", save)
    monkeypatch.setattr(
        Progress, "advance", lambda self, step, loss: step >= 60 and os.kill(os.getpid(), 2)
    )
    part = quick(bare(engine), binary(800), steps=180, out=tmp_path / "run", checkpoint_seconds=1.0)
    assert part.status == "interrupted"
    assert len(saved) > 3
    assert saved[0] < 60
    monkeypatch.undo()
    resumed = quick(bare(engine), binary(800), steps=180, out=tmp_path / "run", resume=True)
    assert_same_run(resumed, quick(bare(engine), binary(800), steps=180))


def test_pipes_and_devices_are_not_renamed_over(tmp_path):
    """A command of root's must not take /dev/full from everybody, nor another's pipe."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        with pytest.raises(OSError, match="a device, a pipe or a socket"):
            writing.write_whole(path, b"new")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert link.is_symlink()
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(RunFolderError, match="is no run folder"):
        load_run("/dev/null")


def test_writes_do_not_follow_links(tmp_path):
    """What lies outside of the folder stays as it is."""
    outside = tmp_path / "precious"
    outside.write_text("as it was")
    link = tmp_path / "history.csv"
    link.symlink_to(outside)
    writing.write_whole(link, b"new")
    assert outside.read_text() == "as it was"
    assert link.read_text() == "new"
    assert not link.is_symlink()
    assert checkpoints.name_of_step(7) == "step-000000007"
