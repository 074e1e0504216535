"""Where a data file is: in the user's folder, in the cache, or on the web."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ppl_models._download import cache_folder, hash_kind, reason, retrieve
from ppl_models._shown import shown

VARIABLE = "PPL_DATA"
_LARGEST = 2**33  # bytes of a file


@dataclass(frozen=True)
class PublishedFile:
    """A data file as its publisher serves it.

    Attributes:
        folder: folder below `$PPL_DATA` and below the cache.
        name: file name as published, with `.gz` if it is published so.
        sha256: SHA-256 of the published file; `md5:` and its MD5, where its publisher states that
            alone; None where it is not known for certain.
        urls: folders on the web that serve it, best first.
        checked: whether the user's own copy must have that SHA-256, too.
        of_its_own: whether other data sets have files of that name, so that `$PPL_DATA/<folder>` is
            the only place for it below `$PPL_DATA`.
    """

    folder: str
    name: str
    sha256: str | None
    urls: tuple[str, ...]
    checked: bool = False
    of_its_own: bool = False


def pinned(file: PublishedFile, sha256: str | None) -> PublishedFile:
    """The file with the SHA-256 that a user gives; as it is without one.

    Raises:
        ValueError: if it is no SHA-256.
    """
    if sha256 is None:
        return file
    if not isinstance(sha256, str) or not re.fullmatch("[0-9a-f]{64}", sha256):
        raise ValueError(
            f"sha256 must be the 64 hexadecimal digits (0-9, a-f) of {file.name}, got "
            f"{shown(sha256)}."
        )
    return replace(file, sha256=sha256, checked=True)


def find(file: PublishedFile) -> Path:
    """Path of the file on this machine, downloaded if need be.

    It is looked for in `$PPL_DATA/<folder>`, in `$PPL_DATA`, and in the cache. In the first two it
    may be gzipped or not, and its hash is not checked, so that a user may bring other data, unless
    the user gave the hash; in the cache, and after a download, its SHA-256 must be the published
    one.

    Raises:
        FileNotFoundError: if it is nowhere; the message says where it was looked for and what to
            do.
        ValueError: if the user's own copy has another hash than the user gave.
    """
    places = _user_places(file)
    for place in places:
        if is_file(place):
            if file.checked and hash_of(file, place) != file.sha256:
                raise ValueError(
                    f"{place} has the SHA-256 {hash_of(file, place)}, and sha256={file.sha256!r} "
                    "was asked for; give the other one, or replace the file."
                )
            return place
    searched = list(dict.fromkeys(str(place.parent) for place in places))
    return _retrieve(file, searched=searched, beside=occupied(places))


def held(file: PublishedFile) -> Path | None:
    """Where the file is on this machine, the user's folder first; None where it is not."""
    places = [*_user_places(file), cache_folder() / file.folder / file.name]
    return next((place for place in places if is_file(place)), None)


def hash_of(file: PublishedFile, path: Path) -> str | None:
    """The hash of a copy as it would be published, written as the file's own; None if unpacked."""
    packed, published = path.suffix == ".gz", file.name.endswith(".gz")
    if published and not packed:
        return None  # packing it again gives other bytes
    if path.stat().st_size > _LARGEST:
        return f"not computed, as it has {path.stat().st_size:,} bytes"
    kind = "md5" if file.sha256 is not None and file.sha256.startswith("md5:") else "sha256"
    try:
        with gzip.open(path) if packed and not published else path.open("rb") as content:
            found = hashlib.file_digest(_Bounded(content), lambda: hashlib.new(kind)).hexdigest()
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return "of no whole gzip file"
    return f"md5:{found}" if kind == "md5" else found


class _Bounded:
    """A file to be read a part at a time, and no further than any data set goes."""

    def __init__(self, content: Any) -> None:
        self._content, self._left = content, _LARGEST

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the next part into a buffer; its size.

        Raises:
            gzip.BadGzipFile: if there is too much.
        """
        size = self._content.readinto(buffer)
        self._left -= size
        if self._left < 0:
            raise gzip.BadGzipFile(f"it holds more than {_LARGEST:,} bytes")
        return size


def _user_places(file: PublishedFile) -> list[Path]:
    folder = user_folder()
    if folder is None:
        return []
    plain = file.name.removesuffix(".gz")
    # The published form first: it is the one whose hash is known.
    names = dict.fromkeys((file.name, plain, f"{plain}.gz"))
    folders = (folder / file.folder,) if file.of_its_own else (folder / file.folder, folder)
    return [place / name for place in folders for name in names]


def user_folder() -> Path | None:
    """The folder that `PPL_DATA` names; None where it is not set.

    Raises:
        ValueError: if it names the home of a user who is not known.
    """
    root = os.environ.get(VARIABLE)
    try:
        return Path(root).expanduser() if root else None
    except RuntimeError as error:
        raise ValueError(
            f"The environment variable {VARIABLE} is {root!r}, and there is no such user; name the "
            "folder by its whole path."
        ) from error


def is_file(place: Path) -> bool:
    """Whether a file is there; False also where nobody may look, or no name is so long."""
    try:
        return place.is_file()
    except OSError:
        return False


def occupied(places: Sequence[Path]) -> str:
    """What is said of places where there is something else than a file; empty if there is not."""
    odd = next((place for place in places if os.path.lexists(place) and not is_file(place)), None)
    if odd is None:
        return ""
    what = (
        "a link to nothing that can be read" if odd.is_symlink() and not os.path.exists(odd)
        else "a folder, a pipe or a device"
    )  # fmt: skip
    return f" ({odd} is {what}, and no file)"


def _retrieve(file: PublishedFile, *, searched: list[str], beside: str) -> Path:
    """The file from the cache, where its hash is right, or else from the first URL that has it."""
    looked = f"in {' and '.join(searched)}" if searched else f"in ${VARIABLE} (not set)"
    looked += beside
    if file.sha256 is None:
        raise FileNotFoundError(
            f"{file.name} was not found {looked}, and it is not downloaded by itself: no SHA-256 "
            f"of it is known for certain. Fetch {file.urls[0]}{file.name}, look at it, and put it "
            f"at {file.folder}/{file.name} in a folder that the environment variable {VARIABLE} "
            "names; or give the SHA-256 of a copy that you trust, load(..., sha256=...)."
        )
    target = cache_folder() / file.folder / file.name
    failures: list[Exception] = []
    for url in file.urls:
        try:
            retrieve(url + file.name, file.sha256, target)
        except (OSError, ValueError) as error:  # no network or no such page; a wrong hash
            failures.append(error)
        else:
            return target
    kind = hash_kind(file.sha256)
    cached = f"has it with a wrong {kind}" if target.exists() else "does not have it"
    reasons = "; ".join(
        f"{url} {reason(error, kind)}" for url, error in zip(file.urls, failures, strict=True)
    )
    raise FileNotFoundError(
        f"{file.name} was not found {looked}, the cache {target.parent} {cached}, and it could not "
        f"be downloaded ({reasons}). Set the environment variable {VARIABLE} to a folder that "
        f"holds {file.folder}/{file.name}, or put the file at {target}."
    ) from failures[-1]
