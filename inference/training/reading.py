"""Files of a run folder, read so that none can hang, fill memory, or lead out of the folder."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MEGABYTE = 2**20
_SEAL = "sha256"


def read_regular(
    path: Path, at_most: int, *, links: bool = False, first: int | None = None
) -> bytes:
    """The content of a regular file; no link is followed, no pipe or device is waited for.

    Args:
        path: the file.
        at_most: bytes that it may have.
        links: whether a link to such a file is as good, where a user names it.
        first: how many bytes to read; all for None.

    Raises:
        ValueError: if it is something else, or larger.
        OSError: if it cannot be read.
    """
    name = path.name or str(path)
    if path.is_symlink() and not links:
        raise ValueError(f"{name} is a link, which a run never writes")
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
    if not links:
        flags |= getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):  # a folder could not be opened as a file
        os.close(descriptor)
        raise ValueError(f"{name} is no regular file")
    with os.fdopen(descriptor, "rb") as file:
        if found.st_size > at_most:
            size = f"{found.st_size / MEGABYTE:.0f} MB"
            raise ValueError(f"{name} has {size}, where such files have at most "
                             f"{at_most / MEGABYTE:.0f} MB")  # fmt: skip
        return file.read() if first is None else file.read(first)


def dictionary(content: bytes, name: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        ValueError: if it is none, or nested too deeply to be one of ours.
    """
    try:
        found = json.loads(content)
    except RecursionError as error:
        raise ValueError(f"{name} is nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError(f"{name} holds no JSON object")
    return found


def digest_of(plain: Mapping[str, Any]) -> str:
    """A SHA-256 of what JSON says, whatever its layout."""
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def sealed(plain: Mapping[str, Any]) -> bytes:
    """A JSON object with the digest of all its entries."""
    # As JSON reads it again: a tuple is a list, a number as a key a string.
    again = json.loads(json.dumps(plain))
    return json.dumps(again | {_SEAL: digest_of(again)}, indent=2).encode()


def unsealed(content: bytes, name: str, *, always: bool = False) -> dict[str, Any]:
    """The entries of a sealed JSON object; of one without a seal, as older runs have it, all.

    Args:
        content: of the file.
        name: of the file, for errors.
        always: whether it must have a seal.

    Raises:
        ValueError: if it is none, or not as it was written.
    """
    found = dictionary(content, name)
    seal = found.pop(_SEAL, None)
    if seal is not None and seal != digest_of(found):
        raise ValueError(f"{name} is not as it was written: an entry has been changed")
    if seal is None and (always or "run" in found):
        raise ValueError(f"{name} has lost its SHA-256")
    return found
