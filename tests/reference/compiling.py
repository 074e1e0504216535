"""Quick compilation for tests, which compile much and run little of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import jax


@contextlib.contextmanager
def quick_compilation(tmp_path_factory: Any) -> Iterator[None]:
    """Compile without optimisation, and everything only once for all tests and workers."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    settings = {
        "jax_compilation_cache_dir": str(shared / "jax"),
        "jax_persistent_cache_min_compile_time_secs": 0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: getattr(jax.config, name) for name in settings}
    for name, value in settings.items():
        jax.config.update(name, value)
    jax.config.update("jax_disable_most_optimizations", True)  # has no attribute to read
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", False)
        for name, value in before.items():
            jax.config.update(name, value)
