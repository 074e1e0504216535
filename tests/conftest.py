from __future__ import annotations

import ctypes
import gc
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from exact_operations import compute_by_numpy

# Before jax and torch are imported, here and in what tests start: a worker keeps to one thread, as
# threads would fight for its core; programs run once, so they are compiled quickly (the fusion
# emitters double the time, and of where an operation stands in the source nobody reads); and what
# was compiled is kept for the other worker, and for the next time.
_FRUGAL = {
    "OMP_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true "
    "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1",
    "JAX_INCLUDE_FULL_TRACEBACKS_IN_LOCATIONS": "0",
    "JAX_TRACEBACK_IN_LOCATIONS_LIMIT": "0",
    "JAX_COMPILATION_CACHE_DIR": str(Path(__file__).parents[1] / ".venv" / "jax"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}
for _name, _value in _FRUGAL.items():
    os.environ.setdefault(_name, _value)

_PROGRAMS = 200  # that share a context; what a context has seen it keeps
_MOST = 3 * 2**30  # bytes; some thousand tests leave as many compiled programs behind


def _resident() -> int:
    """Bytes of memory that this process holds; 0 where it is not known."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


@pytest.fixture(scope="module", autouse=True)
def _parameters():
    """Leave no parameters in Pyro's store, whose names those of the next file may share."""
    yield
    if "pyro" in sys.modules:
        sys.modules["pyro"].clear_param_store()


@pytest.fixture(scope="module", autouse=True)
def _memory():
    """Forget what was compiled for tests that are done, where it has become much."""
    yield
    if _resident() > _MOST and "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
        if shared := sys.modules.get("inference.engines.numpyro.compilation"):
            vars(shared)["_known"].clear()
        gc.collect()
        if sys.platform == "linux":
            ctypes.CDLL("libc.so.6").malloc_trim(0)


def _lower_in_one_context() -> None:
    """Let many programs be lowered in one context of MLIR, where this release of jax has a place.

    jax makes a context for each, of 4 ms and 2 MB. Most programs of the tests are one operation on
    a new shape, whose own part of lowering takes 1 ms.
    """
    lowering = sys.modules.get("jax._src.interpreters.mlir")
    make: Any = getattr(lowering, "make_ir_context", None)
    if make is None:
        return
    own = threading.local()

    def context() -> Any:
        own.programs = getattr(own, "programs", 0) + 1
        if own.programs % _PROGRAMS == 1:
            own.context = make()
        return own.context

    vars(lowering)["make_ir_context"] = context


def pytest_collection_finish() -> None:
    """Leave what is imported and collected out of every garbage collection, and have fewer."""
    _lower_in_one_context()
    compute_by_numpy()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
