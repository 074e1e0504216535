"""Where a figure was made: machine, threads, versions, commit."""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from inference.descriptions import versions
from inference.engines import load_engine

_ROOT = Path(__file__).parents[2]


def hardware(device: str = "") -> str:
    """Processor, cores, the load of the last minute, and the device beside them if there is one.

    Such as "x86_64, 2 cores: Intel(R) Xeon(R) Processor, load 1.0".
    """
    named = ""
    if (described := Path("/proc/cpuinfo")).exists():
        found = re.search(r"^model name\s*: (.+)$", described.read_text(), re.MULTILINE)
        named = f": {found[1].strip()}" if found else ""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{platform.machine()}, {os.cpu_count()} cores{named}{load}{device and f', {device}'}"


def threads(engine: str) -> int:
    """How many threads an engine computes with: the cores it may use, or OMP_NUM_THREADS of torch.

    XLA takes all cores of the process, whatever that variable says.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    asked = os.environ.get("OMP_NUM_THREADS", "") if engine == "pyro" else ""
    return min(int(asked), cores or 1) if asked.isdecimal() else cores or 1


def said_versions() -> str:
    """Python and all that the numbers depend on, on one line."""
    return ", ".join(f"{name} {number}" for name, number in versions().items())


def commit() -> str:
    """The tree's commit, with a plus where the two packages differ from it; else the version."""
    if not (_ROOT / ".git").exists():  # installed: whatever repository is around is another's
        return f"version {version('ppl-model-zoo')}"
    try:
        head = _git("rev-parse", "--short=7", "HEAD")
        return f"{head}{'+' * bool(_git('status', '--porcelain', 'inference', 'ppl_models'))}"
    except (OSError, subprocess.CalledProcessError):
        return f"version {version('ppl-model-zoo')}"


def provenance(engine: str, device: str | None = None) -> dict[str, Any]:
    """All of it by the names that a result has for it; `device` is that of `fit`."""
    return {
        "hardware": hardware(load_engine(engine).device_name(device)),
        "threads": threads(engine),
        "versions": said_versions(),
        "commit": commit(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def _git(*words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(_ROOT), *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
