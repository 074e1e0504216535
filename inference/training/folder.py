"""The run folder: spec, history and checkpoints, written so that a kill at any moment is harmless.

    spec.json            what the run is
    history.csv          one row per report
    checkpoints/step-000000500/
        state.safetensors    everything that the next step depends on
        best.safetensors     the values with the best validation bound, under early stopping
        values.safetensors   the trained values
        progress.json        step, history, early stopping
        manifest.json        SHA-256 of each of the files above

A checkpoint is written under a temporary name, flushed to disk, and renamed, so a folder with a
final name is complete. Nothing is ever unpickled.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from inference.errors import RunFolderError

Arrays = dict[str, NDArray[Any]]
_KEEP = 2
_SUFFIX = ".unfinished"


@dataclass(frozen=True)
class Checkpoint:
    """What one checkpoint holds; see the module's text."""

    state: Arrays
    values: Arrays
    progress: dict[str, Any]
    best: Arrays | None = None


class RunFolder:
    """A folder that holds one run."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    @property
    def spec_path(self) -> Path:
        """Where the spec lies."""
        return self.path / "spec.json"

    def holds_run(self) -> bool:
        """Whether a run has begun here.

        Raises:
            RunFolderError: if something else is here, or the folder cannot be looked into.
        """
        with self._writing():
            if self.spec_path.exists():
                return True
            foreign = self.path.exists() and (
                # All that a kill at the very beginning can leave behind is half a spec.
                not self.path.is_dir() or set(self.path.iterdir()) - _unfinished(self.spec_path)
            )
        if foreign:
            raise RunFolderError(
                f"out={str(self.path)!r} exists and is no run folder; choose another, so that "
                "nothing is overwritten."
            )
        return False

    def create(self, spec: dict[str, Any]) -> None:
        """Make the folder and write the spec.

        Raises:
            RunFolderError: if it cannot be written.
        """
        with self._writing():
            self.path.mkdir(parents=True, exist_ok=True)
            for leftover in _unfinished(self.spec_path) | _unfinished(self.path / "history.csv"):
                leftover.unlink(missing_ok=True)
            write_whole(self.spec_path, json.dumps(spec, indent=2).encode())
            _flush_folder(self.path)
            (self.path / "checkpoints").mkdir(exist_ok=True)

    def read_spec(self) -> dict[str, Any]:
        """The spec.

        Raises:
            RunFolderError: if there is none or it is damaged.
        """
        try:
            spec = json.loads(self.spec_path.read_text(encoding="utf-8"))
            for part in ("pair", "data", "training", "budget"):
                if not isinstance(spec, dict) or not isinstance(spec.get(part, {}), dict):
                    raise ValueError(f"its entry {part!r} is not right")
        except FileNotFoundError as error:
            raise RunFolderError(
                f"{self.path} is no run folder: it has no spec.json. Name the out= of a fit."
            ) from error
        except (OSError, ValueError) as error:
            raise RunFolderError(
                f"{self.spec_path} is damaged ({error}). Restore it from a copy, or choose another "
                "folder and fit again; the checkpoints beside it are as they were."
            ) from error
        return spec

    def write_history(self, text: str) -> None:
        """Replace history.csv.

        Raises:
            RunFolderError: if it cannot be written.
        """
        with self._writing():
            write_whole(self.path / "history.csv", text.encode())

    def checkpoints(self) -> list[Path]:
        """Complete checkpoints, oldest first."""
        return sorted((self.path / "checkpoints").glob("step-*"))

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, unless there is one of this step, and drop all but the newest two.

        Raises:
            RunFolderError: if it cannot be written; what was there before stays.
        """
        final = self.path / "checkpoints" / f"step-{checkpoint.progress['step']:09d}"
        if final.exists():
            return
        files = {
            "state.safetensors": save_tensors(_contiguous(checkpoint.state)),
            "values.safetensors": save_tensors(_contiguous(checkpoint.values)),
            "progress.json": json.dumps(checkpoint.progress).encode(),
        }
        if checkpoint.best is not None:
            files["best.safetensors"] = save_tensors(_contiguous(checkpoint.best))
        manifest = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        files["manifest.json"] = json.dumps(manifest, indent=2).encode()
        parent = final.parent
        with self._writing():
            for leftover in parent.glob(".writing-*"):
                shutil.rmtree(leftover)
            temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=parent))
            for name, content in files.items():
                write_whole(temporary / name, content)
            _flush_folder(temporary)
            temporary.rename(final)
            _flush_folder(parent)
            for old in self.checkpoints()[:-_KEEP]:
                shutil.rmtree(old)

    def load(self) -> Checkpoint | None:
        """The newest checkpoint; None if there is none yet.

        Raises:
            RunFolderError: if the newest is damaged, naming what to do.
        """
        found = self.checkpoints()
        if not found:
            return None
        newest = found[-1]
        try:
            manifest = json.loads((newest / "manifest.json").read_text(encoding="utf-8"))
            if not isinstance(manifest, dict):
                raise ValueError("manifest.json lists no files")
            files = {name: (newest / name).read_bytes() for name in manifest}
        except (OSError, ValueError) as error:
            raise RunFolderError(self._damaged(newest, str(error), found)) from error
        for name, digest in manifest.items():
            if hashlib.sha256(files[name]).hexdigest() != digest:
                raise RunFolderError(
                    self._damaged(newest, f"{name} does not match its SHA-256", found)
                )
        try:
            best = files.get("best.safetensors")
            return Checkpoint(
                state=load_tensors(files["state.safetensors"]),
                values=load_tensors(files["values.safetensors"]),
                progress=json.loads(files["progress.json"]),
                best=None if best is None else load_tensors(best),
            )
        except (KeyError, ValueError, SafetensorError) as error:
            raise RunFolderError(self._damaged(newest, str(error), found)) from error

    def _damaged(self, newest: Path, why: str, found: list[Path]) -> str:
        remedy = "and the run starts again from its spec"
        if len(found) > 1:
            remedy = f"and the run continues from {found[-2].name}, which is kept"
        return f"checkpoint {newest} is damaged ({why}). Delete that folder, {remedy}."

    @contextlib.contextmanager
    def _writing(self) -> Any:
        try:
            yield
        except OSError as error:
            raise RunFolderError(
                f"out={str(self.path)!r} cannot be written: {error.strerror or error}. Choose a "
                "folder that you may write to, with space left."
            ) from error


def _contiguous(arrays: Arrays) -> Arrays:
    return {name: np.asarray(array, order="C") for name, array in arrays.items()}


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, flush it, and rename it: whole or not at all.

    The name is of this call alone: of two processes that write the file at once, the later one's
    stays, and neither fails.
    """
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


def _unfinished(path: Path) -> set[Path]:
    """What kills have left of a file's temporary ones."""
    return set(path.parent.glob(f"{_prefix(path)}*{_SUFFIX}"))


def _prefix(path: Path) -> str:
    return f".{path.name}."


def _flush_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
