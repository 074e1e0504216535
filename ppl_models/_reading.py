"""Files that others wrote, read so that none can hang or fill memory."""

from __future__ import annotations

import os
import stat
from pathlib import Path

MEGABYTE = 2**20


def read_whole(path: Path, at_most: int) -> bytes:
    """The content of a regular file; no pipe or device is waited for.

    Args:
        path: the file, or a link to one.
        at_most: bytes that it may have.

    Raises:
        ValueError: if it is something else, or larger.
        OSError: if it cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(f"{path} is no regular file")
        if found.st_size > at_most:
            raise ValueError(
                f"{path} has {found.st_size / MEGABYTE:,.0f} MB, and such files have at most "
                f"{at_most / MEGABYTE:,.0f} MB"
            )
        return file.read()
