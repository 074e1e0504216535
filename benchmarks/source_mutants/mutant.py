"""What is changed in the source, what that breaks, and which tests should find it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "mutants"


@dataclass(frozen=True)
class Mutant:
    """One mistake.

    Attributes:
        name: what it is called.
        layer: the part of the tree that it is in.
        file: the path from the tree's root.
        old: text that occurs once in that file.
        new: what takes its place.
        breaks: the mistake in words.
        tests: the files that should find it, the likeliest first.
        select: which of their tests, as pytest's `-k` has it; all where it is empty.
        lived: whether the suite as it was did not find it, and a test was written for it.
        harmless: why it may survive; empty where it may not.
    """

    name: str
    layer: str
    file: str
    old: str
    new: str
    breaks: str
    tests: tuple[str, ...]
    select: str = ""
    lived: bool = False
    harmless: str = ""

    def misfit(self, root: Path) -> str:
        """Why it cannot be planted in a tree; empty where it can."""
        for path in (self.file, *self.tests):
            if not (root / path).is_file():
                return f"{self.name}: there is no file {path}."
        times = (root / self.file).read_text(encoding="utf-8").count(self.old)
        if times != 1:
            return f"{self.name}: `old` occurs {times} times in {self.file}, not once."
        return "" if self.new != self.old else f"{self.name}: `new` is `old`."


def read(folder: Path = FOLDER) -> list[Mutant]:
    """All mutants of a folder's TOML files, in the order of names of files.

    Raises:
        ValueError: if two are called alike.
        TypeError: if an entry lacks a key, or has one that means nothing.
    """
    found = list(_entries(folder))
    names = [mutant.name for mutant in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"two mutants are called {min(twice)!r}; rename one.")
    return found


def _entries(folder: Path) -> Iterator[Mutant]:
    for path in sorted(folder.glob("*.toml")):
        for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items():
            yield Mutant(name=name, **{**entry, "tests": tuple(entry["tests"])})
