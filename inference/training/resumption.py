"""A run folder to begin in, or to go on from where its last checkpoint is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from inference.errors import RunFolderError
from inference.training.folder import Checkpoint, RunFolder
from inference.training.spec import difference


def open_run(
    out: str | os.PathLike[str] | None, spec: dict[str, Any], *, resume: bool
) -> tuple[RunFolder | None, Checkpoint | None]:
    """The run folder, checked against the spec, and the checkpoint to go on from."""
    if out is None:
        return None, None
    folder = RunFolder(out)
    if not folder.holds_run():
        return folder, None
    if not resume:
        raise RunFolderError(
            f"out={str(out)!r} already holds a run; pass resume=True to continue it, or choose "
            "another folder."
        )
    old = folder.read_spec()
    _check_same(old, spec, str(out))
    return folder, folder.load()


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
