"""Files by address, kept in the user's cache, and used only if their SHA-256 is as stated."""

from __future__ import annotations

import shutil
import urllib.request
from pathlib import Path
from typing import Any


def cache_folder() -> Path:
    """The folder of this user's cache that downloads go to."""
    import pooch

    return Path(pooch.os_cache("ppl_models"))


def retrieve(url: str, sha256: str, target: Path) -> None:
    """Have the file at `target`: as it is, where its hash is right, or else from its address.

    Args:
        url: its address, `http:`, `https:` or `file:`.
        sha256: of the file.
        target: where it is kept.

    Raises:
        OSError: if there is no network, or no such page.
        ValueError: if the hash of what is served is another.
    """
    import pooch

    pooch.retrieve(
        url=url,
        known_hash=f"sha256:{sha256}",
        fname=target.name,
        path=target.parent,
        downloader=_copied if url.startswith("file:") else None,
    )


def reason(error: Exception) -> str:
    """What became of an attempt, to stand after the address."""
    if isinstance(error, OSError):
        return f"gave {type(error).__name__}"
    return "served a file with a wrong SHA-256"


def _copied(url: str, output_file: Any, _: Any) -> None:
    """A file of this machine, which pooch does not read by itself."""
    with urllib.request.urlopen(url) as source, Path(output_file).open("wb") as copy:
        shutil.copyfileobj(source, copy)
