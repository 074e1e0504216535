"""Run folders with one thing changed: are they refused, or as good as before?"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.scoreboard.tiny import differs, trained
from inference import Run, ZooError, load_run


@dataclass(frozen=True)
class Original:
    """A whole run's folder, another one of the same shapes, and what the first holds."""

    path: Path
    other: Path
    run: Run
    engine: str


def originals(engine: str, folder: Path) -> Original:
    """Two runs that differ in their seed alone, with two checkpoints each."""
    runs = []
    for seed in (0, 1):
        path = folder / f"{engine}-{seed}"
        for steps in (4, 8):
            trained(engine, steps, seed=seed, out=path)
        runs.append(path)
    return Original(runs[0], runs[1], load_run(runs[0]), engine)


def files(path: Path) -> list[Path]:
    """What a folder holds, without the lock."""
    return sorted(each for each in path.rglob("*") if each.is_file() and each.name != ".lock")


def _places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to all entries of nested lists and mappings."""
    found = [here] if here else []
    if isinstance(value, (dict, list)):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            found += _places(each, (*here, key))
    return found


def _other_value(value: Any, draw: random.Random) -> Any:
    """Something else in the place of a value."""
    if isinstance(value, bool) or value is None:
        return draw.choice([1, "true", [], "x"])
    if isinstance(value, (int, float)):
        return draw.choice([value + 1, -value - 1, value * 2 + 1, None, "1", 1e308])
    if isinstance(value, str):
        return draw.choice([value + "x", value[::-1] + "y", "", 3, None])
    return draw.choice([None, 3, "x"])


def _in_json(path: Path, draw: random.Random) -> str:
    chosen = draw.choice([each for each in files(path) if each.suffix == ".json"])
    content = json.loads(chosen.read_text())
    place = draw.choice(_places(content))
    holder = content
    for key in place[:-1]:
        holder = holder[key]
    if draw.random() < 0.25:
        del holder[place[-1]]
    else:
        holder[place[-1]] = _other_value(holder[place[-1]], draw)
    chosen.write_text(json.dumps(content))
    return f"{chosen.name}: {place}"


def _bytes(path: Path, draw: random.Random) -> str:
    chosen = draw.choice(files(path))
    content = bytearray(chosen.read_bytes())
    if not content:
        chosen.write_bytes(b"x")
        return f"{chosen.name}: filled"
    at = draw.randrange(len(content))
    kind = draw.choice(["flip", "cut", "empty", "append", "double", "zero"])
    if kind == "flip":
        content[at] ^= 1 << draw.randrange(8)
    elif kind == "cut":
        content = content[:at]
    elif kind == "empty":
        content = bytearray()
    elif kind == "append":
        content += draw.randbytes(7)
    elif kind == "double":
        content = content * 2
    else:
        content[at : at + 16] = bytes(len(content[at : at + 16]))
    chosen.write_bytes(bytes(content))
    return f"{chosen.name}: {kind}"


def _removed(path: Path, draw: random.Random) -> str:
    chosen = draw.choice([each for each in path.rglob("*") if each.name != ".lock"])
    shutil.rmtree(chosen) if chosen.is_dir() else chosen.unlink()
    return f"{chosen.name}: removed"


def _swapped(path: Path, draw: random.Random) -> str:
    one, two = draw.sample(files(path), 2)
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    return f"{one.name} and {two.name}: swapped"


def _renamed(path: Path, draw: random.Random) -> str:
    chosen = draw.choice([each for each in path.rglob("*") if each.name != ".lock"])
    new = chosen.with_name(
        draw.choice(["step-000000099", "step-x", "spec.json", "other", f"{chosen.name}~"])
    )
    if not new.exists():
        chosen.rename(new)
    return f"{chosen.name}: renamed to {new.name}"


def _copied(path: Path, draw: random.Random) -> str:
    chosen = draw.choice(sorted((path / "checkpoints").iterdir()))
    new = chosen.with_name(f"step-{draw.randrange(1, 99):09d}")
    if not new.exists():
        shutil.copytree(chosen, new)
    return f"{chosen.name}: copied to {new.name}"


def _foreign(path: Path, draw: random.Random, other: Path) -> str:
    theirs = draw.choice(files(other))
    mine = path / theirs.relative_to(other)
    if mine.parent.exists():
        shutil.copy(theirs, mine)
    return f"{theirs.name}: of another run"


def _refused_to_read(path: Path, draw: random.Random) -> str:
    chosen = draw.choice(files(path))
    kind = draw.choice(["folder", "link", "pipe"])
    chosen.unlink()
    if kind == "folder":
        chosen.mkdir()
    elif kind == "link":
        chosen.symlink_to("/dev/zero")
    else:
        os.mkfifo(chosen)
    return f"{chosen.name}: {kind}"


CHANGES: tuple[Callable[[Path, random.Random], str], ...] = (
    _in_json,
    _in_json,
    _bytes,
    _bytes,
    _removed,
    _swapped,
    _renamed,
    _copied,
    _refused_to_read,
)


def mutant(original: Original, path: Path, seed: int) -> str:
    """Copy the folder to `path` and change one thing; says what."""
    draw = random.Random(seed)
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(original.path, path)
    if draw.random() < 0.1:
        return _foreign(path, draw, original.other)
    return draw.choice(CHANGES)(path, draw)


def loaded(original: Original, path: Path) -> str:
    """Empty where a changed folder is refused by its name or says what it said; else in words."""
    try:
        found = load_run(path)
    except ZooError as error:
        return "" if str(path) in str(error) else f"unclear: {error}"
    except Exception as error:
        return f"unclear: {type(error).__name__}: {error}"
    if found.status == "running" and found.step < original.run.step:
        return ""  # it says that it is not the end
    for name in ("spec", "status", "step", "rows"):
        if getattr(found, name) != getattr(original.run, name):
            return f"silent: {name}"
    return differs(found, original.run) and "silent: parameters"


def resumed(original: Original, path: Path, whole: Run) -> str:
    """The same of a fit that goes on in it; `whole` is what the unchanged folder comes to."""
    try:
        found = trained(original.engine, whole.step, out=path)
    except ZooError as error:
        return "" if str(path) in str(error) else f"unclear: {error}"
    except Exception as error:
        return f"unclear: {type(error).__name__}: {error}"
    return differs(found, whole) and "silent: parameters"


def outcomes(engine: str, folder: Path, count: int, *, resume: bool = False) -> Iterator[str]:
    """What becomes of so many changed folders."""
    original = originals(engine, folder)
    whole = original.run
    if resume:
        shutil.copytree(original.path, folder / "whole")
        whole = trained(engine, 12, out=folder / "whole")
    for seed in range(count):
        path = folder / "mutant"
        what = mutant(original, path, seed)
        found = resumed(original, path, whole) if resume else loaded(original, path)
        yield found and f"{engine}, seed {seed}, {what}: {found}"
