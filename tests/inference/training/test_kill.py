"""SIGKILL at any moment loses nothing but the steps after the last checkpoint."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_runs import assert_same_run, learnt, loaded

from inference import load_run

TIMEOUT = 240.0


def run_until(engine: str, folder: Path, learning: str, moment) -> None:
    """Start a fit in another process and kill it at a moment."""
    child = subprocess.Popen(
        [
            sys.executable,
            str(Path(__file__).with_name("training_child.py")),
            engine,
            str(folder),
            learning,
        ],
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + TIMEOUT
    try:
        while not moment():
            assert child.poll() is None, child.communicate()[1].decode()
            assert time.monotonic() < deadline
            time.sleep(0.0005)  # the child needs the processor, and the moment may be short
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


def read(engine: str, folder: Path, learning: str):
    return loaded(engine, folder) if learning == "elbo" else load_run(folder)


@pytest.mark.parametrize("learning", ["elbo", "adversarial"])
def test_killed_twice_then_resumed(engine, learning, tmp_path, reports):
    folder = tmp_path / "run"
    # Once between two checkpoints as they come, once while a checkpoint is being written.
    run_until(engine, folder, learning, lambda: newest(folder) >= 12)
    reached = newest(folder)
    run_until(
        engine,
        folder,
        learning,
        lambda: newest(folder) > reached and any(n.startswith(".writing") for n in names(folder)),
    )
    killed = read(engine, folder, learning)
    assert killed.status == "running"
    assert killed.step == newest(folder) > reached
    steps = killed.step + 9
    resumed = learnt(learning, engine, steps=steps, out=folder, resume=True)
    whole = learnt(learning, engine, steps=steps)
    assert_same_run(whole, resumed)
    for name, value in whole.owned.items():  # the critic, and what the objective carries
        assert value.tobytes() == resumed.owned[name].tobytes(), name
    assert_same_run(resumed, read(engine, folder, learning))
    assert not [n for n in names(folder) if n.startswith(".")]
