"""Ends that nobody chose: signals, errors in a step, a folder that cannot be written."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.scoreboard.tiny import differs, trained
from inference import Run, load_run

TIMEOUT = 240.0  # seconds until a child has to have written a checkpoint
MORE = 60  # steps after a resumption


def _started(engine: str, path: Path, number: int) -> subprocess.Popen[bytes]:
    """A fit in another process, with its first checkpoint written."""
    before = signal.getsignal(number) if number != signal.SIGKILL else None
    if before is not None:  # a child of what nohup started ignores SIGHUP from the start
        signal.signal(number, signal.SIG_DFL)
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.scoreboard.child", engine, str(path)],
            stderr=subprocess.DEVNULL,
        )
    finally:
        if before is not None:
            signal.signal(number, before)
    deadline = time.monotonic() + TIMEOUT
    while not list((path / "checkpoints").glob("step-*")):
        if child.poll() is not None or time.monotonic() > deadline:
            child.kill()
            raise TimeoutError(f"no checkpoint of {engine} after {TIMEOUT:.0f} s")
        time.sleep(0.01)
    return child


def _resumes(engine: str, path: Path, expected: str) -> str:
    """Empty where the run reads as it should, goes on, and comes to what one without end does."""
    found = load_run(path)
    if found.status != expected:
        return f"status {found.status!r}"
    steps = found.step + MORE
    return differs(trained(engine, steps, out=path), trained(engine, steps))


def by_signal(engine: str, folder: Path, name: str, count: int) -> Iterator[str]:
    """End so many fits by a signal at any moment, and go on."""
    draw = random.Random(0)
    number = getattr(signal, name)
    for index in range(count):
        path = folder / f"{engine}-{name}-{index}"
        child = _started(engine, path, number)
        time.sleep(draw.random())
        child.send_signal(number)
        child.wait(timeout=60)
        # After Ctrl-C a fit returns what it has, and the child ends as usual.
        ends = (0, 130) if name == "SIGINT" else (-number,)
        expected = "running" if name == "SIGKILL" else "interrupted"
        ended = "" if child.returncode in ends else f"exit code {child.returncode}"
        found = ended or _resumes(engine, path, expected)
        yield found and f"{engine}, {name}: {found}"


def _schedule_that(error: BaseException, after: int) -> Callable[[Any], float]:
    """A learning-rate schedule of the user's own that fails in a later step."""
    calls = [0]

    def schedule(step: Any) -> float:
        del step
        calls[0] += 1
        if calls[0] > after:
            raise error
        return 1.0

    return schedule


ERRORS = (
    MemoryError("out of memory"),
    RuntimeError("CUDA error"),
    KeyError("own"),
    OSError(5, "x"),
)


def by_error(folder: Path) -> Iterator[str]:
    """Errors in a step of Pyro's: the error has `.run`, the folder a checkpoint and a status."""
    for number, error in enumerate(ERRORS):
        path = folder / f"error-{number}"
        try:
            trained(
                "pyro",
                10**6,
                out=path,
                schedule=_schedule_that(error, 300),
                checkpoint_seconds=0.0,
            )
        except type(error) as caught:
            run = getattr(caught, "run", None)
            kept = load_run(path)
            right = isinstance(run, Run) and kept.step == run.step > 0 and kept.status == "failed"
            yield "" if right else f"{error!r}: {run!r:.60}, on disk {kept.status} {kept.step}"
        else:
            yield f"{error!r} was swallowed"


def by_folder(folder: Path) -> Iterator[str]:
    """A folder that cannot be made, is a file, or is of somebody else."""
    (folder / "file").write_text("x")
    shut = folder / "shut"
    shut.mkdir(mode=0o500)
    tried = {"a file": folder / "file", "below a file": folder / "file" / "run"}
    if os.geteuid() != 0:  # who may write everywhere, may write there
        tried["shut"] = shut / "run"
    for what, path in tried.items():
        try:
            trained("pyro", 3, out=path)
        except OSError as error:
            yield "" if str(folder) in str(error) else f"{what}: {error}"
        else:
            yield f"{what}: written"
