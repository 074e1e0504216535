"""Two models beside each other, each run with its own tree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

_PROBE = Path(__file__).with_name("probe.py")


def write_call(
    path: Path, model: str, engine: str, settings: Mapping[str, Any], rows: Sequence[Any]
) -> None:
    """Keep what `probe.py` makes and runs: arrays as such, and the rest in words."""
    arrays = {name: value for name, value in settings.items() if isinstance(value, np.ndarray)}
    plain = {name: value for name, value in settings.items() if name not in arrays}
    call = {"model": model, "engine": engine, "settings": plain, "rows": len(rows)}
    held: dict[str, Any] = {f"row {number}": np.asarray(each) for number, each in enumerate(rows)}
    np.savez(path, **{"call": np.array(json.dumps(call)), **arrays, **held})


def numbers(tree: Path, calls: Sequence[Path], folder: Path) -> list[dict[str, Any]]:
    """What the models of a tree do, in one process for all calls; see `probe.py`.

    Args:
        tree: folder with a `ppl_models`.
        calls: as `write_call` keeps them.
        folder: may be written into.

    Returns:
        Arrays by name for each call; `"error"` alone where it does not run there.

    Raises:
        RuntimeError: with the last line of the error, if the process ends before its time.
    """
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    outs = [folder / f"{number}.npz" for number in range(len(calls))]
    files = [str(file) for both in zip(calls, outs, strict=True) for file in both]
    asked = [sys.executable, str(_PROBE), *files]
    done = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{tree.name}: {done.stderr.strip().splitlines()[-1]}")
    return [dict(np.load(out)) for out in outs]


def compared(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What two models do otherwise, in words; empty if nothing."""
    for when, found in (("then", then), ("now", now)):
        if "error" in found:
            return f"{when}: {found['error']}"
    if len(then) == len(now) and then.keys() != now.keys():
        # Sites of other names, in the same order.
        now = dict(zip(then, now.values(), strict=True))
    if then.keys() != now.keys():
        return f"{len(then)} arrays then, {len(now)} now: {_few(then.keys() ^ now.keys())}"
    off = [name for name in then if not _close(then[name], now[name])]
    return f"other numbers at {_few(off)}" if off else ""


def _close(a: Any, b: Any) -> bool:
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-5, atol=1e-5, equal_nan=True)


def _few(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)[:4])
