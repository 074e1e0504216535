"""Ctrl-C ends a fit with what has been done; a second one ends it at once."""

from __future__ import annotations

import os
import signal
import threading

import pytest
from tiny_runs import assert_same_run, bare, binary, loaded, quick, vae

from inference.training.progress import Progress


def test_sigint_from_outside(engine, tmp_path, reports, monkeypatch):
    """The signal comes from another thread while steps are under way."""
    begun = threading.Event()
    steps: list[int] = []

    def advance(self, step, loss):
        steps.append(step)
        begun.set()

    monkeypatch.setattr(Progress, "advance", advance)

    def press():
        assert begun.wait(200)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    before = signal.getsignal(signal.SIGINT)
    thread.start()
    part = quick(bare(engine), binary(), steps=10**7, out=tmp_path / "run")
    thread.join()
    assert signal.getsignal(signal.SIGINT) is before
    assert part.status == "interrupted"
    assert part.step == steps[-1]
    assert_same_run(part, loaded(engine, tmp_path / "run"))
    target = part.step + 7
    monkeypatch.undo()
    resumed = quick(bare(engine), binary(), steps=target, out=tmp_path / "run", resume=True)
    assert (resumed.status, resumed.step) == ("finished", target)


def test_the_handler_is_restored(engine, reports, ctrl_c):
    calls = []
    before = signal.signal(signal.SIGINT, lambda *_: calls.append(1))
    try:
        mine = signal.getsignal(signal.SIGINT)
        ctrl_c(4)
        run = quick(bare(engine), binary(), steps=100)
        assert run.status == "interrupted"
        assert signal.getsignal(signal.SIGINT) is mine
        assert calls == []
        os.kill(os.getpid(), signal.SIGINT)
        assert calls == [1]
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_handler_is_restored_after_an_error(engine, reports):
    before = signal.getsignal(signal.SIGINT)
    batches = [binary(4), binary(4), binary(4)[:, :3]]
    with pytest.raises(ValueError, match="shape"):
        quick(vae(engine), batches, steps=6)
    assert signal.getsignal(signal.SIGINT) is before


def test_the_second_ctrl_c_raises(reports, monkeypatch, tmp_path):
    def advance(self, step, loss):
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)  # to this thread: two sent to the process may be one

    monkeypatch.setattr(Progress, "advance", advance)
    # What a shell starts in the background ignores the signal, and so would the tests.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            quick(bare("pyro"), binary(), steps=100)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_a_thread_the_handler_is_left_alone(reports):
    runs = []
    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=lambda: runs.append(quick(bare("pyro"), binary(), steps=6)))
    thread.start()
    thread.join()
    assert runs[0].status == "finished"
    assert signal.getsignal(signal.SIGINT) is before
