from __future__ import annotations

import importlib

import pytest


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
