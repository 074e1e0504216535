"""Child of `test_first_start`: processes that import ArviZ for the first time of a day, at once.

Forked from one that has imported what ArviZ is built on, which takes the time. Prints, by case, the
errors of the processes that failed.
"""

from __future__ import annotations

import json
import os
import pwd
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import matplotlib.pyplot  # noqa: F401
import scipy.stats  # noqa: F401
import xarray  # noqa: F401

from inference.posterior.arviz_library import load_arviz

TOGETHER = 4


def starts(prepare: Callable[[], None], count: int) -> list[str]:
    """The errors of so many processes that begin at one time."""
    begin = time.time() + 0.05
    pipes = []
    for _ in range(count):
        read, write = os.pipe()
        if os.fork() == 0:
            said = ""
            try:
                prepare()
                time.sleep(max(0.0, begin - time.time()))
                arviz = load_arviz()
                if Path(arviz.preview.__file__).name != "preview.py":
                    said = "arviz.preview is not ArviZ's"
            except BaseException as error:
                said = f"{type(error).__name__}: {error}"
            os.write(write, said.encode())
            os._exit(0)
        os.close(write)
        pipes.append(read)
    found = [os.read(read, 10_000).decode() for read in pipes]
    for _ in range(count):
        os.wait()
    return [said for said in found if said]


def fresh(stamp: bytes | None = None, *, folder: bool = False) -> None:
    """A cache of one's own, with what may lie where ArviZ keeps the day."""
    os.environ["XDG_CACHE_HOME"] = cache = tempfile.mkdtemp(dir=sys.argv[1])
    place = Path(cache) / "arviz" / "daily_warning"
    if stamp is not None:
        place.parent.mkdir()
        place.write_bytes(stamp)
    if folder:
        place.mkdir(parents=True)


def home(value: str | None) -> None:
    """Another home folder, or none at all, also for the system."""
    os.environ.pop("XDG_CACHE_HOME", None)
    if value is not None:
        os.environ["HOME"] = value
        return
    os.environ.pop("HOME", None)
    mock.patch.object(pwd, "getpwuid", side_effect=KeyError).start()


def shared() -> None:
    """The cache of the others, where a file takes its time to be written."""
    os.environ["XDG_CACHE_HOME"] = sys.argv[1]
    write = Path.write_text

    def slow(path: Path, *args: Any, **settings: Any) -> int:
        done = write(path, *args, **settings)
        time.sleep(0.2)
        return done

    mock.patch.object(Path, "write_text", slow).start()


CASES = {
    "together": (shared, TOGETHER),
    "a stamp of other bytes": (lambda: fresh(b"\xff\x00"), 1),
    "a stamp of another text": (lambda: fresh(b"yesterday"), 1),
    "a folder for a stamp": (lambda: fresh(folder=True), 1),
    "a home that cannot be made": (lambda: home("/dev/null/home"), 1),
    "a home that is empty": (lambda: home(""), 1),
    "no home and no user": (lambda: home(None), 1),
}

if __name__ == "__main__":
    print(json.dumps({name: starts(*case) for name, case in CASES.items()}))
