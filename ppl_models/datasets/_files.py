"""Where a data file is: in the user's folder, in the cache, or on the web."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ppl_models._download import cache_folder, hash_kind, reason, retrieve

VARIABLE = "PPL_DATA"


@dataclass(frozen=True)
class PublishedFile:
    """A data file as its publisher serves it.

    Attributes:
        folder: folder below `$PPL_DATA` and below the cache.
        name: file name as published, with `.gz` if it is published so.
        sha256: SHA-256 of the published file; or `md5:` and its MD5, where its publisher states
            that alone.
        urls: folders on the web that serve it, best first.
    """

    folder: str
    name: str
    sha256: str
    urls: tuple[str, ...]


def find(file: PublishedFile) -> Path:
    """Path of the file on this machine, downloaded if need be.

    It is looked for in `$PPL_DATA/<folder>`, in `$PPL_DATA`, and in the cache. In the first two it
    may be gzipped or not, and its hash is not checked, so that a user may bring other data; in the
    cache, and after a download, its SHA-256 must be the published one.

    Raises:
        FileNotFoundError: if it is nowhere; the message says where it was looked for and what to
            do.
    """
    places = _user_places(file)
    for place in places:
        if place.is_file():
            return place
    return _retrieve(file, searched=list(dict.fromkeys(str(place.parent) for place in places)))


def _user_places(file: PublishedFile) -> list[Path]:
    root = os.environ.get(VARIABLE)
    if not root:
        return []
    plain = file.name.removesuffix(".gz")
    # The published form first: it is the one whose hash is known.
    names = dict.fromkeys((file.name, plain, f"{plain}.gz"))
    folder = Path(root).expanduser()
    return [place / name for place in (folder / file.folder, folder) for name in names]


def _retrieve(file: PublishedFile, *, searched: list[str]) -> Path:
    """The file from the cache, where its hash is right, or else from the first URL that has it."""
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
    looked = f"in {' and '.join(searched)}" if searched else f"in ${VARIABLE} (not set)"
    cached = f"has it with a wrong {kind}" if target.exists() else "does not have it"
    reasons = "; ".join(
        f"{url} {reason(error, kind)}" for url, error in zip(file.urls, failures, strict=True)
    )
    raise FileNotFoundError(
        f"{file.name} was not found {looked}, the cache {target.parent} {cached}, and it could not "
        f"be downloaded ({reasons}). Set the environment variable {VARIABLE} to a folder that "
        f"holds {file.folder}/{file.name}, or put the file at {target}."
    ) from failures[-1]
