"""A run folder to begin in, or to go on from where its last checkpoint is."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

from inference.errors import RunFolderError
from inference.training.checkpoints import Checkpoint
from inference.training.folder import RunFolder
from inference.training.spec import difference


@contextlib.contextmanager
def open_run(
    out: str | os.PathLike[str] | None, spec: dict[str, Any], *, resume: bool
) -> Iterator[tuple[RunFolder | None, Checkpoint | None]]:
    """The run folder, checked against the spec, and the checkpoint to go on from.

    Nobody else writes into it meanwhile.

    Raises:
        RunFolderError: if it holds another run, is damaged, or in use.
    """
    if out is None:
        yield None, None
        return
    folder = RunFolder(out)
    with contextlib.closing(folder):
        yield folder, _begun(folder, spec, str(out), resume=resume)


def _begun(folder: RunFolder, spec: dict[str, Any], out: str, *, resume: bool) -> Checkpoint | None:
    """The checkpoint of a run that has begun in a folder."""
    if not folder.holds_run():
        return None
    if not resume:
        raise RunFolderError(
            f"out={out!r} already holds a run; pass resume=True to continue it, or choose "
            "another folder."
        )
    folder.take()
    _check_same(folder.read_spec(), spec, out)
    return folder.load()


def _check_same(old: Mapping[str, Any], new: Mapping[str, Any], out: str) -> None:
    """Refuse to resume another run; a larger budget is the same run if no schedule reads it."""
    fixed = ("pair", "objective", "data", "training")
    changed = difference({k: old.get(k) for k in fixed}, {k: new[k] for k in fixed})
    if new["training"]["schedule"] == "cosine":
        # The schedule's length is part of what the run is.
        before, now = ({k: s["budget"].get(k) for k in ("epochs", "steps")} for s in (old, new))
        changed = changed or difference(before, now, "budget.")
    if changed:
        raise RunFolderError(
            f"out={out!r} holds a different run: {changed}. Resume with the arguments in its "
            "spec.json, or choose another folder."
        )
