"""The run folder: spec, history and checkpoints, written so that a kill at any moment is harmless.

    spec.json            what the run is, and its own name
    status.json          how it stands: running, finished, diverged, failed, ...
    history.csv          one row per report
    checkpoints/step-000000500/    see `inference.training.checkpoints`

A checkpoint is written under a temporary name, flushed to disk, and renamed, so a folder with a
final name is complete. One process at a time writes (`inference.training.lock`).
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from inference.errors import RunFolderError
from inference.training import writing
from inference.training.checkpoints import (
    Binding,
    Checkpoint,
    ElsewhereError,
    files_of,
    name_of_step,
    read,
)
from inference.training.lock import LOCK, OWNER, FolderLock
from inference.training.reading import MEGABYTE, digest_of, read_regular, sealed, unsealed
from inference.training.status import Stand, content_of, stand_in

_KEEP = 2
_BOUND = ("pair", "objective", "data", "training")  # of a spec; a budget may grow
# What the system says of a path that leads nowhere.
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)
_TRIES = 5  # to read while another process writes and drops checkpoints


class RunFolder:
    """A folder that holds one run.

    Attributes:
        path: where it is.
        lock: who writes into it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.lock = FolderLock(self.path)
        self._begun: bool | None = None  # whether there was a run when it was asked for
        self._mine: str | None = None  # the run that is written here

    @property
    def spec_path(self) -> Path:
        """Where the spec lies."""
        return self.path / "spec.json"

    @property
    def _status_path(self) -> Path:
        return self.path / "status.json"

    def holds_run(self) -> bool:
        """Whether a run has begun here.

        Raises:
            RunFolderError: if something else is here, or the folder cannot be looked into.
        """
        with writing.writing_into(self.path):
            self._begun = self.spec_path.exists()
            if self._begun:
                return True
            # All that a kill at the very beginning can leave behind is half a spec and a lock.
            ours = {self.path / LOCK, self.path / OWNER, *writing.unfinished(self.path / OWNER)}
            foreign = self.path.exists() and (
                not self.path.is_dir()
                or set(self.path.iterdir()) - writing.unfinished(self.spec_path) - ours
            )
        if foreign:
            raise RunFolderError(
                f"out={str(self.path)!r} exists and is no run folder; choose another, so that "
                "nothing is overwritten."
            )
        return False

    def create(self, spec: dict[str, Any]) -> None:
        """Make the folder, take its lock and write the spec.

        Raises:
            RunFolderError: if it cannot be written, or another process writes into it.
        """
        with writing.writing_into(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            self.lock.acquire()
            if self._begun is False and self.spec_path.exists():
                raise RunFolderError(
                    f"out={str(self.path)!r} holds a run that another process began meanwhile; "
                    "pass resume=True to continue it, or choose another folder."
                )
            for path in (self.spec_path, self._status_path, self.path / "history.csv"):
                for leftover in writing.unfinished(path):
                    leftover.unlink(missing_ok=True)
            named = {"run": self._binding(spec).run} | spec
            writing.write_whole(
                self.spec_path,
                sealed(named) if named["run"] else json.dumps(spec, indent=2).encode(),
            )
            writing.flush_folder(self.path)
            checkpoints = self.path / "checkpoints"
            if checkpoints.is_symlink():
                raise writing.linked(checkpoints)
            checkpoints.mkdir(exist_ok=True)
            self._begun = True

    def take(self) -> None:
        """Take the lock of a folder that holds a run.

        Raises:
            RunFolderError: if it cannot be written, or another process writes into it.
        """
        with writing.writing_into(self.path):
            self.lock.acquire()

    def close(self) -> None:
        """Let others write into the folder."""
        self._mine = None
        self.lock.release()

    def read_spec(self) -> dict[str, Any]:
        """The spec.

        Raises:
            RunFolderError: if there is none or it is damaged.
        """
        spec = self._spec()
        spec.pop("run", None)
        return spec

    def write_history(self, text: str) -> None:
        """Replace history.csv.

        Raises:
            RunFolderError: if it cannot be written.
        """
        with writing.writing_into(self.path):
            writing.write_whole(self.path / "history.csv", text.encode())

    def write_status(self, status: str, step: int, message: str = "") -> None:
        """Say how the run stands.

        Raises:
            RunFolderError: if it cannot be written.
        """
        run = self._binding().run
        with writing.writing_into(self.path):
            writing.write_whole(self._status_path, content_of(run, status, step, message))

    def read_stand(self) -> Stand | None:
        """How the run stands; None where it has not been said, as in older runs.

        Raises:
            RunFolderError: if what is there was not written by this run.
        """
        return stand_in(self._status_path, self._binding().run)

    def checkpoints(self) -> list[Path]:
        """Complete checkpoints, oldest first.

        Raises:
            RunFolderError: if the folder cannot be looked into.
        """
        try:
            names = os.listdir(self.path / "checkpoints")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise RunFolderError(
                f"{self.path / 'checkpoints'} cannot be read: {error.strerror or error}. It may "
                "be whole: read it as the user who wrote it, or have it made readable."
            ) from error
        return [self.path / "checkpoints" / n for n in sorted(names) if n.startswith("step-")]

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, unless there is one of this step, and drop all but the newest two.

        Raises:
            RunFolderError: if it cannot be written; what was there before stays.
        """
        final = self.path / "checkpoints" / name_of_step(checkpoint.progress["step"])
        if final.exists():
            return
        files = files_of(checkpoint, self._binding())
        parent = final.parent
        with writing.writing_into(self.path):
            if parent.is_symlink():
                raise writing.linked(parent)
            for leftover in parent.glob(".writing-*"):
                _remove(leftover)
            temporary = parent / f".writing-{secrets.token_hex(4)}"
            temporary.mkdir(parents=True)  # also where somebody removed those before
            for name, content in files.items():
                writing.write_whole(temporary / name, content)
            writing.flush_folder(temporary)
            temporary.rename(final)
            writing.flush_folder(parent)
            for old in self.checkpoints()[:-_KEEP]:
                _remove(old)

    def load(self) -> Checkpoint | None:
        """The newest checkpoint; None if there is none yet.

        Raises:
            RunFolderError: if the newest is damaged or cannot be read, naming what to do.
        """
        binding = self._binding()
        for _ in range(_TRIES):
            found = self.checkpoints()
            if not found:
                return None
            newest = found[-1]
            try:
                return read(newest, binding)
            except FileNotFoundError as error:
                if newest.exists():  # or else its run has gone on, and dropped it
                    raise RunFolderError(self._damaged(newest, str(error), found)) from error
            except OSError as error:
                raise RunFolderError(
                    f"checkpoint {newest} cannot be read: {error.strerror or error}. It may be "
                    "whole: read it as the user who wrote it, or have it made readable."
                ) from error
            except ElsewhereError as error:
                raise RunFolderError(
                    f"checkpoint {newest} does not belong here: {error}. Put spec.json and "
                    "checkpoints back as they were, from a copy, or choose another folder."
                ) from error
            except (KeyError, TypeError, ValueError, SafetensorError) as error:
                raise RunFolderError(self._damaged(newest, str(error), found)) from error
        raise RunFolderError(
            f"{self.path} is being written faster than it can be read; try again in a moment."
        )

    def _spec(self) -> dict[str, Any]:
        """The spec with the run's own name."""
        try:
            spec = unsealed(read_regular(self.spec_path, 64 * MEGABYTE), "spec.json")
            for part in ("pair", "data", "training", "budget"):
                if not isinstance(spec.get(part, {}), dict):
                    raise ValueError(f"its entry {part!r} is not right")
        except OSError as error:
            if error.errno not in _NOT_THERE:
                raise RunFolderError(
                    f"{self.spec_path} cannot be read: {error.strerror or error}. It may be whole: "
                    "read it as the user who wrote it, or have it made readable."
                ) from error
            if self._mine is not None:
                raise writing.gone(self.path) from error
            raise RunFolderError(
                f"{self.path} is no run folder: it has no spec.json. Name the out= of a run."
            ) from error
        except ValueError as error:
            raise RunFolderError(
                f"{self.spec_path} is damaged ({error}). Restore it from a copy, or choose another "
                "folder and fit again; the checkpoints beside it are as they were."
            ) from error
        return spec

    def _binding(self, new: dict[str, Any] | None = None) -> Binding:
        """What checkpoints here belong to; a new spec's run gets a name."""
        if self.spec_path.exists() or new is None:
            spec = self._spec()
            name = spec.get("run")
        else:
            spec, name = new, secrets.token_hex(8)
        if self.lock.held and spec is not new:
            if (self._mine or name) != name:
                raise writing.gone(self.path)
            self._mine = name
        return Binding(name, digest_of({key: spec.get(key) for key in _BOUND}))

    def _damaged(self, newest: Path, why: str, found: list[Path]) -> str:
        remedy = "and the run starts again from its spec"
        if len(found) > 1:
            remedy = f"and the run continues from {found[-2].name}, which is kept"
        return f"checkpoint {newest} is damaged ({why}). Delete that folder, {remedy}."


def _remove(folder: Path) -> None:
    """Remove a folder of ours; of a link or a file that was put in its place, that alone."""
    if folder.is_symlink() or not folder.is_dir():
        folder.unlink()
    else:
        shutil.rmtree(folder)
