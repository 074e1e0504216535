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
        sha256: of the file; or `md5:` and its MD5, where that is what its publisher states.
        target: where it is kept.

    Raises:
        OSError: if there is no network, or no such page.
        ValueError: if the hash of what is served is another.
    """
    import pooch

    pooch.retrieve(
        url=url,
        known_hash=sha256 if ":" in sha256 else f"sha256:{sha256}",
        fname=target.name,
        path=target.parent,
        downloader=_copied if url.startswith("file:") else None,
    )


def hash_kind(sha256: str) -> str:
    """What a hash that `retrieve` takes is called."""
    return "MD5" if sha256.startswith("md5:") else "SHA-256"


def reason(error: Exception, kind: str = "SHA-256") -> str:
    """What became of an attempt, to stand after the address."""
    if isinstance(error, OSError):
        return f"gave {type(error).__name__}"
    return f"served a file with a wrong {kind}"


def _copied(url: str, output_file: Any, _: Any) -> None:
    """A file of this machine, which pooch does not read by itself."""
    with urllib.request.urlopen(url) as source, Path(output_file).open("wb") as copy:
        shutil.copyfileobj(source, copy)
