"""Signals that ask a run to end: what is done is kept, then they do what they would have done."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from types import FrameType
from typing import Any

# Of the keyboard, of schedulers that take a machine back, of a terminal that is closed.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Stop:
    """Whether a signal has asked to stop, and which."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.number: int | None = None

    def note(self, number: int) -> None:
        """A signal has come."""
        self.number = number
        self._event.set()

    def is_set(self) -> bool:
        """Whether one has come."""
        return self._event.is_set()


@contextlib.contextmanager
def interruptible() -> Iterator[Stop]:
    """Turn the first signal into an event that is looked at between chunks of steps.

    A second one has its usual effect at once. So has the first in the end, other than Ctrl-C's,
    when the body is through: a process that was told to terminate does. Signals reach the main
    thread only. One that is ignored stays so, but for Ctrl-C's, which a shell has its background
    processes ignore.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before: dict[int, Any] = {}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, _: FrameType | None) -> None:
        stop.note(number)
        restore()

    for name in _NAMES:
        number = getattr(signal, name, None)
        if number is None or signal.getsignal(number) is None:
            continue
        # Who starts a process with nohup wants the end of the terminal to be ignored.
        if number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, note)
    try:
        yield stop
    finally:
        restore()
        if stop.number not in (None, signal.SIGINT):
            os.kill(os.getpid(), stop.number)


class raising_as_it_is:  # noqa: N801
    """Raise what the body raised also where that is a frozen dataclass.

    The managers of contextlib within set its traceback, which fails; this one is no such manager.
    """

    def __enter__(self) -> None:
        """Begin the body."""

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        """End it."""
        if isinstance(error, FrozenInstanceError) and "'__traceback__'" in str(error):
            raise error.__context__ or error from None
