"""SIGKILL at any moment loses nothing but the steps after the last checkpoint."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tiny_runs import assert_same_run, bare, binary, loaded, quick

TIMEOUT = 240.0


def run_until(engine: str, folder: Path, moment) -> None:
    """Start a fit in another process and kill it at a moment."""
    child = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("training_child.py")), engine, str(folder)],
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + TIMEOUT
    try:
        while not moment():
            assert child.poll() is None, child.communicate()[1].decode()
            assert time.monotonic() < deadline
    finally:
        child.kill()
        child.communicate()
    assert child.returncode == -signal.SIGKILL


def names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder / "checkpoints")
    except FileNotFoundError:
        return []


def newest(folder: Path) -> int:
    return max((int(n[5:]) for n in names(folder) if n.startswith("step-")), default=0)


def test_killed_twice_then_resumed(engine, tmp_path, reports):
    folder = tmp_path / "run"
    # Once between two checkpoints as they come, once while a checkpoint is being written.
    run_until(engine, folder, lambda: newest(folder) >= 12)
    reached = newest(folder)
    run_until(
        engine,
        folder,
        lambda: newest(folder) > reached and any(n.startswith(".writing") for n in names(folder)),
    )
    killed = loaded(engine, folder)
    assert killed.status == "running"
    assert killed.step == newest(folder) > reached
    steps = killed.step + 9
    resumed = quick(bare(engine), binary(), steps=steps, out=folder, resume=True)
    assert_same_run(quick(bare(engine), binary(), steps=steps), resumed)
    assert_same_run(resumed, loaded(engine, folder))
    assert not [n for n in names(folder) if n.startswith(".")]
