"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from inference.errors import RunFolderError

_SUFFIX = ".unfinished"


@contextlib.contextmanager
def writing_into(folder: Path) -> Iterator[None]:
    """Say in a sentence that a folder cannot be written, where that is so.

    Raises:
        RunFolderError: in place of what the operating system raises.
    """
    try:
        yield
    except RunFolderError:
        raise
    except OSError as error:
        named = error.filename2 or error.filename
        place = Path(os.fsdecode(named)) if isinstance(named, (str, bytes)) else folder
        which = f" ({place.name})" if folder in place.parents else ""
        raise RunFolderError(
            f"out={str(folder)!r} cannot be written: {error.strerror or error}{which}. Choose a "
            "folder that you may write to, with space left."
        ) from error


def gone(path: Path) -> RunFolderError:
    """What to say where the folder that is written is no longer this run's."""
    return RunFolderError(
        f"out={str(path)!r} was removed, renamed or replaced while the run was written there: it "
        "no longer holds this run's spec.json. Leave the folder where it is until the run ends; "
        "one that was renamed goes on under its new name with resume=True."
    )


def linked(folder: Path) -> RunFolderError:
    """What to say where a link was put in the place of a folder of a run."""
    return RunFolderError(f"{folder} is a link, which a run never writes; put a folder there.")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, flush it, and rename it: whole or not at all.

    The name is of this call alone: of two processes that write the file at once, the later one's
    stays, and neither fails. A link at the path is replaced, not followed.

    Raises:
        OSError: if it cannot be written, or the path is a device, a pipe or a socket, or leads to
            one: whoever may rename to it would take it from everybody.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(errno.EINVAL, "it is a device, a pipe or a socket, and no file", str(path))
    temporary = path.with_name(f"{_prefix(path)}{secrets.token_hex(4)}{_SUFFIX}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def unfinished(path: Path) -> set[Path]:
    """What kills have left of a file's temporary ones."""
    return set(path.parent.glob(f"{_prefix(path)}*{_SUFFIX}"))


def flush_folder(path: Path) -> None:
    """Have the names in a folder written to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _prefix(path: Path) -> str:
    return f".{path.name}."
