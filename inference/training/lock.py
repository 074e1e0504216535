"""One process at a time trains into a run folder."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from inference.errors import RunFolderError
from inference.training.reading import MEGABYTE, dictionary, read_regular
from inference.training.writing import write_whole

_log = logging.getLogger("inference")
LOCK, OWNER = ".lock", ".owner.json"
_BEAT = 15.0  # seconds between two signs of life
_DEAD = 600.0  # seconds without one after which a process on another machine counts as gone


class FolderLock:
    """A lock on a folder, held by one process and one thread, and let go when either ends.

    The operating system holds it, so that a kill leaves none behind. File systems that machines
    share may not pass it on; there a file names machine and process, and gives signs of life.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: FileLock | None = None
        self._beaten = 0.0

    @property
    def held(self) -> bool:
        """Whether this object holds it."""
        return self._lock is not None

    def acquire(self) -> None:
        """Take the lock, or say who has it.

        Raises:
            RunFolderError: if another process, or another thread of this one, has it.
            OSError: if the folder cannot be written.
        """
        if self._lock is not None:
            return
        lock = FileLock(self.folder / LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise RunFolderError(_taken(self.folder, _owner(self.folder))) from error
        before = _owner(self.folder)
        try:
            self._take_over(before)
        except BaseException:
            lock.release()
            raise
        self._lock = lock
        self._write()

    def beat(self) -> None:
        """Give a sign of life, if the last is some seconds old."""
        if self._lock is not None and time.monotonic() - self._beaten > _BEAT:
            self._write()

    def release(self) -> None:
        """Let go of it, if it is held."""
        if self._lock is None:
            return
        with contextlib.suppress(OSError):
            (self.folder / OWNER).unlink(missing_ok=True)
        self._lock.release()
        self._lock = None

    def _take_over(self, before: dict[str, Any]) -> None:
        """Go on where an owner left no word of its end, unless another machine's still lives."""
        if not before:
            return
        age = _DEAD
        with contextlib.suppress(OSError):
            age = time.time() - (self.folder / OWNER).stat().st_mtime
        if before.get("host") != socket.gethostname() and age < _DEAD:
            raise RunFolderError(_taken(self.folder, before))
        _log.warning(
            "%s was being trained by process %s on %s, which ended without a word; this process "
            "takes the folder over.",
            self.folder,
            before.get("pid"),
            before.get("host"),
        )

    def _write(self) -> None:
        me = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "alive": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with contextlib.suppress(OSError):  # the lock itself is held; this is a word about it
            write_whole(self.folder / OWNER, json.dumps(me).encode())
        self._beaten = time.monotonic()


def _owner(folder: Path) -> dict[str, Any]:
    try:
        found = dictionary(read_regular(folder / OWNER, MEGABYTE), OWNER)
    except (OSError, ValueError):
        return {}
    pid, host = found.get("pid"), found.get("host")
    ours = isinstance(pid, int) and isinstance(host, str) and host.isprintable()
    return found if ours else {}


def _taken(folder: Path, owner: dict[str, Any]) -> str:
    who, gone = "another process", ""
    if owner:
        who = f"process {owner.get('pid')} on {owner.get('host')}"
    if owner and owner.get("host") != socket.gethostname():
        gone = f" If it ended without a word, and for certain, delete {OWNER} in the folder."
    return (
        f"out={str(folder)!r} is in use: {who} writes into it. Wait until it has ended and call "
        f"again (fit with resume=True), or choose another folder.{gone}"
    )
