"""How a run stands, in a file of its folder: what its last checkpoint cannot know."""

from __future__ import annotations

from pathlib import Path

from inference.errors import RunFolderError
from inference.training.reading import MEGABYTE, read_regular, sealed, unsealed


def content_of(run: str | None, status: str, step: int, message: str) -> bytes:
    """The content of status.json."""
    return sealed({"run": run, "status": status, "step": step, "message": message})


def status_in(path: Path, run: str | None) -> str | None:
    """How a run stands; None where it has not been said, as in older runs.

    Raises:
        RunFolderError: if what is there was not written by this run.
    """
    try:
        found = unsealed(read_regular(path, MEGABYTE), path.name)
        if found.get("run") != run:
            raise ValueError("it is of another run")
        return str(found["status"])
    except FileNotFoundError:
        return None
    except (OSError, KeyError, ValueError) as error:
        raise RunFolderError(
            f"{path} is damaged ({error}). Delete this file; the checkpoints beside it are as "
            "they were."
        ) from error
