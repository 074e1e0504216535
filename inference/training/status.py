"""How a run stands, in a file of its folder: what its last checkpoint cannot know."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from inference.errors import RunFolderError
from inference.training.reading import MEGABYTE, read_regular, sealed, unsealed


def content_of(run: str | None, status: str, step: int, message: str) -> bytes:
    """The content of status.json."""
    return sealed({"run": run, "status": status, "step": step, "message": message})


_log = logging.getLogger(__name__)

_SAVED = ("finished", "stopped early")
"""How a run ends that has a checkpoint of its last step."""


@dataclass(frozen=True)
class Stand:
    """How a run stands.

    Attributes:
        status: such as `"running"` or `"finished"`.
        step: the step at which this was so.
    """

    status: str
    step: int

    def at(self, step: int, path: Path) -> str:
        """How the run stands at its newest checkpoint, which is not its end if that one is gone."""
        if self.status not in _SAVED or self.step <= step:
            return self.status
        _log.warning(
            "%s: the run is %s after step %d, but its newest checkpoint is of step %d, and what "
            "is read is that part. Restore the last one from a copy, or fit again with "
            "resume=True.",
            path,
            self.status,
            self.step,
            step,
        )
        return "running"


def stand_in(path: Path, run: str | None) -> Stand | None:
    """How a run stands; None where it has not been said, as in older runs.

    Raises:
        RunFolderError: if what is there was not written by this run.
    """
    try:
        found = unsealed(read_regular(path, MEGABYTE), path.name)
        if found.get("run") != run:
            raise ValueError("it is of another run")
        return Stand(str(found["status"]), int(found["step"]))
    except FileNotFoundError:
        return None
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise RunFolderError(
            f"{path} is damaged ({error}). Delete this file; the checkpoints beside it are as "
            "they were."
        ) from error
