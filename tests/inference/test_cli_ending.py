"""A command that is told to end says what it kept, and ends as it was told to."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

SCRIPT = """
import os, signal, sys
from inference.cli.ending import interruptible
for number in (signal.SIGHUP, signal.SIGTERM):  # a child of what nohup started ignores SIGHUP
    signal.signal(number, signal.SIG_DFL)
for number in map(int, sys.argv[2:]):
    signal.signal(number, signal.SIG_IGN)
with interruptible(lambda: "All."), interruptible(lambda: "Half of it is kept in 'runs'."):
    os.kill(os.getpid(), int(sys.argv[1]))
print("went on")
"""


def ended(number: int, *ignored: int) -> tuple[int, str, str]:
    words = [sys.executable, "-c", SCRIPT, str(number), *map(str, ignored)]
    child = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    return child.returncode, child.stdout, child.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_said_once_and_ends_the_process(number: int) -> None:
    code, out, err = ended(number)
    assert (code, out) == (-number, "")
    assert err == "error: interrupted. Half of it is kept in 'runs'.\n"


def test_what_is_ignored_stays_so() -> None:
    assert ended(signal.SIGHUP, signal.SIGHUP) == (0, "went on\n", "")
