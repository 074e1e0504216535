from __future__ import annotations

import importlib

import pytest


@pytest.fixture(scope="module", autouse=True)
def _compile_quickly(tmp_path_factory):
    """NumPyro's fits compile: without optimisation, and once for all tests and workers."""
    import jax

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
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(params=["pyro", "numpyro"])
def engine(request):
    return request.param


@pytest.fixture
def reports(monkeypatch):
    """A report at every epoch, however short, and chunks of four steps."""
    monkeypatch.setattr(
        importlib.import_module("inference.training.fit"), "_STEPS_BETWEEN_REPORTS", 1
    )
    monkeypatch.setattr("inference.training.loop._Pace.chunk", lambda self: 4)


@pytest.fixture
def ctrl_c(monkeypatch):
    """A function: press Ctrl-C as soon as a fit has reached a step."""
    import os
    import signal

    from inference.training.progress import Progress

    def at(step):
        pressed = []

        def advance(self, reached, loss):
            if reached >= step and not pressed:
                pressed.append(reached)
                os.kill(os.getpid(), signal.SIGINT)

        monkeypatch.setattr(Progress, "advance", advance)

    return at
