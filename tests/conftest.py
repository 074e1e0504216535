from __future__ import annotations

import ctypes
import gc
import os
import sys
from pathlib import Path

import pytest

_MOST = 3 * 2**30  # bytes; some thousand tests leave as many compiled programs behind


def _resident() -> int:
    """Bytes of memory that this process holds; 0 where it is not known."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


@pytest.fixture(scope="module", autouse=True)
def _memory():
    """Forget what was compiled for tests that are done, where it has become much."""
    yield
    if _resident() > _MOST and "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
        gc.collect()
        if sys.platform == "linux":
            ctypes.CDLL("libc.so.6").malloc_trim(0)


def pytest_collection_finish() -> None:
    """Leave what is imported and collected out of every garbage collection, and have fewer."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
