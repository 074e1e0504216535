"""One checkpoint: a folder of files, and a manifest that binds them to their run.

    step-000000500/
        state.safetensors    everything that the next step depends on
        best.safetensors     the values with the best validation bound, under early stopping
        values.safetensors   the trained values
        progress.json        step, history, early stopping
        manifest.json        run, step, spec, and the SHA-256 of each file, sealed

A file that is exchanged, added or taken out, a folder under another name, and another run's
checkpoint are refused. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from inference.training.reading import MEGABYTE, dictionary, read_regular, sealed, unsealed

Arrays = dict[str, NDArray[Any]]
MANIFEST = "manifest.json"
_TENSORS = ("state.safetensors", "values.safetensors", "best.safetensors")
_RESERVED = "__metadata__"  # what no tensor of such a file may be called
_NEEDED = ("state.safetensors", "values.safetensors", "progress.json")
_LARGEST = {"progress.json": 256 * MEGABYTE, MANIFEST: MEGABYTE}
_LARGEST_ARRAYS = 2**40
_LARGEST_HEADER = 16 * MEGABYTE  # of a file of tensors: names, types and shapes


class ElsewhereError(ValueError):
    """A checkpoint that is whole, and belongs to another run, spec or step."""


@dataclass(frozen=True)
class Checkpoint:
    """What one checkpoint holds; see the module's text."""

    state: Arrays
    values: Arrays
    progress: dict[str, Any]
    best: Arrays | None = None


@dataclass(frozen=True)
class Binding:
    """What a checkpoint belongs to.

    Attributes:
        run: the run's own name; None in runs of before it had one.
        spec: the digest of what may not change in the spec.
    """

    run: str | None
    spec: str


def name_of_step(step: int) -> str:
    """A checkpoint's folder."""
    return f"step-{step:09d}"


def files_of(checkpoint: Checkpoint, binding: Binding) -> dict[str, bytes]:
    """The files of a checkpoint, the manifest last."""
    arrays = {"state.safetensors": checkpoint.state, "values.safetensors": checkpoint.values}
    if checkpoint.best is not None:
        arrays["best.safetensors"] = checkpoint.best
    files = {name: save_tensors(_contiguous(part)) for name, part in arrays.items()}
    files["progress.json"] = json.dumps(checkpoint.progress).encode()
    manifest = {
        "run": binding.run,
        "step": checkpoint.progress["step"],
        "spec": binding.spec,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        "infinite": {name: _infinite(part) for name, part in arrays.items()},
    }
    return files | {MANIFEST: sealed(manifest)}


def read(folder: Path, binding: Binding) -> Checkpoint:
    """The checkpoint in a folder.

    Raises:
        ValueError: if it is not as it was written, or belongs elsewhere, saying how.
        OSError: if a file cannot be read.
    """
    manifest = _checked(folder, binding)
    files = {name: _read(folder / name) for name in manifest["files"]}
    for name, digest in manifest["files"].items():
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise ValueError(f"{name} does not match its SHA-256")
    arrays = {name: _arrays(files[name], name) for name in _TENSORS if name in files}
    for name, known in manifest.get("infinite", {}).items():
        if _infinite(arrays[name]) != known:
            raise ValueError(f"{name} holds other values that are not finite than were written")
    progress = dictionary(files["progress.json"], "progress.json")
    if folder.name != name_of_step(progress["step"]):
        raise ElsewhereError(f"it is of step {progress['step']}, as its name does not say")
    return Checkpoint(
        state=arrays["state.safetensors"],
        values=arrays["values.safetensors"],
        progress=progress,
        best=arrays.get("best.safetensors"),
    )


def _checked(folder: Path, binding: Binding) -> dict[str, Any]:
    """The manifest of a checkpoint that belongs to a run."""
    if folder.is_symlink():
        raise ValueError("it is a link, which a run never writes")
    manifest = unsealed(_read(folder / MANIFEST), MANIFEST)
    if "files" not in manifest and binding.run is None:  # of before manifests were bound
        manifest = {"files": manifest}
    elif "run" not in manifest:
        raise ValueError(f"{MANIFEST} does not say whose it is")
    elif manifest["run"] != binding.run:
        raise ElsewhereError("it is of another run")
    elif manifest.get("spec") != binding.spec:
        raise ElsewhereError("spec.json is not the one that it was trained with")
    files = manifest["files"]
    if not isinstance(files, dict) or not set(_NEEDED) <= set(files):
        raise ValueError(f"{MANIFEST} does not list {', '.join(_NEEDED)}")
    if strange := sorted(set(files) - {*_TENSORS, *_NEEDED}):
        raise ValueError(f"{MANIFEST} lists {strange[0]!r}, which a run never writes")
    return manifest


def _read(path: Path) -> bytes:
    if path.name in _LARGEST:
        return read_regular(path, _LARGEST[path.name])
    said, found = _said_size(path), path.stat().st_size
    if found != said:
        raise ValueError(f"{path.name} has {found} bytes, and {said} by its own header")
    return read_regular(path, said)


def _said_size(path: Path) -> int:
    """How long a file of tensors is by its own header, which is read before memory is taken."""
    beginning = read_regular(path, _LARGEST_ARRAYS, first=_LARGEST_HEADER)
    header = int.from_bytes(beginning[:8], "little")
    if not 0 < header <= min(len(beginning) - 8, _LARGEST_HEADER):
        raise ValueError(f"{path.name} has no header, or one of {header} bytes")
    said = dictionary(beginning[8 : 8 + header], path.name)
    ends = [_end(each) for name, each in said.items() if name != _RESERVED]
    if None in ends:
        raise ValueError(f"the header of {path.name} says no sizes")
    return 8 + header + max((end for end in ends if end is not None), default=0)


def _end(said: Any) -> int | None:
    """Where a tensor ends in its file, as the header says; None if that is no number."""
    match said:
        case {"data_offsets": [int(), int(end)]} if end >= 0:
            return end
        case _:
            return None


def _arrays(content: bytes, name: str) -> Arrays:
    header = int.from_bytes(content[:8], "little")
    if header > min(len(content), _LARGEST_HEADER):
        raise ValueError(f"the header of {name} has {header} bytes")
    return {
        n.removesuffix("$") if n.startswith(_RESERVED) else n: array
        for n, array in load_tensors(content).items()
    }


def _infinite(arrays: Arrays) -> list[str]:
    """Names of arrays with NaN or infinities."""
    kinds = {name: array for name, array in arrays.items() if array.dtype.kind in "fcV"}
    return sorted(name for name, a in kinds.items() if not np.isfinite(_as_float(a)).all())


def _as_float(array: NDArray[Any]) -> NDArray[Any]:
    """Types that numpy does not know by itself (bfloat16) as float32."""
    return array.astype(np.float32) if array.dtype.kind == "V" else array


def _contiguous(arrays: Arrays) -> Arrays:
    return {
        f"{name}$" if name.startswith(_RESERVED) else name: np.asarray(array, order="C")
        for name, array in arrays.items()
    }
