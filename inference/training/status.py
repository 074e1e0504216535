"""How a run stands, in a file of its folder: what its last checkpoint cannot know."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inference.errors import RunFolderError
from inference.training.reading import MEGABYTE, read_regular, sealed, unsealed


def content_of(run: str | None, status: str, step: int, message: str) -> bytes:
    """The content of status.json."""
    return sealed({"run": run, "status": status, "step": step, "message": message})


_SAVED = ("finished", "stopped early", "interrupted")
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

    def check_newest(self, step: int, path: Path) -> None:
        """Check that the last step's checkpoint is there.

        Raises:
            RunFolderError: if the newest one is older, so that it is not what the run came to.
        """
        if self.status in _SAVED and self.step > step:
            raise RunFolderError(
                f"{path}: the run is {self.status} after step {self.step:,}, but its newest "
                f"checkpoint is of step {step:,}; the last one is missing. Restore it from a copy, "
                "or fit again with resume=True, which goes on from the one that is there."
            )


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
