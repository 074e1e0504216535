"""A mutant planted in a copy of the tree, and what the tests say."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.source_mutants.mutant import Mutant

ROOT = Path(__file__).parents[2]
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S.*?)(?: - .*)?$", re.MULTILINE)
_FOUND, _PASSED = (1, 2), 0  # pytest's exit codes; 2 is of a file that cannot be imported


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant.

    Attributes:
        name: of the mutant.
        end: "killed", "survived", "time" where the limit was reached first, or "error" where the
            tests say nothing: none was run, or the one that fails does so without the mutant too.
        by: the test that found it, or the error.
        seconds: until then.
    """

    name: str
    end: str
    by: str
    seconds: float


def copy_tree(target: Path, source: Path = ROOT) -> None:
    """A copy of what git knows of a tree, with what is changed or new there and not ignored.

    Raises:
        SystemExit: if the tree is no clone, so that nothing says what belongs to it.
    """
    if not (source / ".git").exists():
        raise SystemExit(f"{source} is no clone made by git; mistakes are planted in one only.")
    listed = subprocess.run(
        ["git", "-C", str(source), "ls-files", "-z", "-co", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (source / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, target / name)


@contextlib.contextmanager
def planted(mutant: Mutant, root: Path) -> Iterator[None]:
    """A copy of the tree with the mutant in it; afterwards it is as before.

    Raises:
        SystemExit: if the mutant does not fit the tree.
    """
    if why := mutant.misfit(root):
        raise SystemExit(why)
    path = root / mutant.file
    right = path.read_text(encoding="utf-8")
    path.write_text(right.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(right, encoding="utf-8")


def tried(mutant: Mutant, root: Path, limit: float) -> Outcome:
    """Plant a mutant in a copy and run its tests up to the first that fails.

    That test has to pass without the mutant: what fails anyway finds nothing.

    Args:
        mutant: the mutant.
        root: a copy of the tree.
        limit: seconds.

    Raises:
        SystemExit: if the mutant does not fit the tree.
    """
    begun = time.monotonic()
    with planted(mutant, root):
        selected = ["-k", mutant.select] if mutant.select else []
        code, said = _run([*mutant.tests, *selected], root, limit)
    seconds = time.monotonic() - begun
    if code is None:
        return Outcome(mutant.name, "time", "", seconds)
    if code == _PASSED:
        return Outcome(mutant.name, "survived", "", seconds)
    failed = _FAILED.search(said)
    if code not in _FOUND or failed is None:
        return Outcome(
            mutant.name, "error", f"pytest ended with code {code}: {said[-500:]}", seconds
        )
    again, said = _run([failed[1]], root, limit)
    if again != _PASSED:
        return Outcome(mutant.name, "error", f"{failed[1]} fails without it too", seconds)
    return Outcome(mutant.name, "killed", failed[1], seconds)


def _run(words: Sequence[str], root: Path, limit: float) -> tuple[int | None, str]:
    """pytest's exit code and output, one worker; None where it took longer than the limit.

    The copy comes first on the path, before wherever the packages are installed from. Bytecode is
    not written: a file may change twice within the second that its time is known to.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider", *words]
    own = {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command,
            cwd=root,
            env=os.environ | own,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode, done.stdout + done.stderr
