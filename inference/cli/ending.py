"""How a command ends: by its exit code, by Ctrl-C, or by a signal; what was kept is said before."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

import typer
from typer.core import TyperGroup

from inference.cli.text import complain, unwritten

INTERRUPTED = 130  # what a shell calls a command that ended with Ctrl-C
_COMPUTING = ("train", "evaluate", "compare", "demo", "reproduce", "check", "certify")
_SIGNALS = ("SIGTERM", "SIGHUP")  # of schedulers that take a machine back, of a closed terminal


@contextlib.contextmanager
def interruptible(kept: Callable[[], str]) -> Iterator[None]:
    """Say at Ctrl-C what was kept, and leave with the code of a command that ended so.

    So it is at a signal to terminate, which then has its usual effect.

    Args:
        kept: makes a sentence of it.
    """
    came: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        came.append(number)
        raise KeyboardInterrupt

    with _noting(note), _raised_again(came):
        try:
            yield
        except KeyboardInterrupt as error:
            with contextlib.suppress(OSError):  # of a terminal that is gone
                complain(f"interrupted. {kept()}")
            for number in came:
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)
            raise typer.Exit(INTERRUPTED) from error


@contextlib.contextmanager
def _noting(note: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Have signals noted that would end the process, in the main thread, which alone gets them."""
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            if number is not None and _ends(signal.getsignal(number)):
                before[number] = signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _raised_again(came: list[int]) -> Iterator[None]:
    """Send a signal again whose exception Python dropped, as it does in a callback.

    Such as the one that jax has for garbage collection: a command would go on as if nothing came.

    Args:
        came: the signals that were noted besides Ctrl-C.
    """
    before = sys.unraisablehook

    def hook(dropped: sys.UnraisableHookArgs) -> None:
        if not issubclass(dropped.exc_type, KeyboardInterrupt):
            before(dropped)
            return
        number = came.pop() if came else signal.SIGINT
        later = threading.Timer(0.05, os.kill, (os.getpid(), number))  # when the callback is over
        later.daemon = True
        later.start()

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def _ends(handler: Any) -> bool:
    """Whether a signal ends the process: it is not ignored, nor somebody else's."""
    return handler is signal.SIG_DFL or getattr(handler, "__module__", None) == __name__


class Commands(TyperGroup):
    """Says what typer refuses in the same way as what the library refuses."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; an end of one that keeps nothing is said, too."""
        with interruptible(lambda: "Nothing of this command was kept."):
            return super().invoke(ctx)

    def resolve_command(self, ctx: Any, args: Any) -> Any:
        """Which command it is; one that computes is refused in a folder that is gone.

        There the library of linear algebra that torch brings ends the process.
        """
        _refuse_empty(args)
        found = super().resolve_command(ctx, args)
        if found[0] in _COMPUTING:
            try:
                os.getcwd()
            except OSError as error:
                complain("the current folder was removed; go to another one, as by cd.")
                raise typer.Exit(2) from error
        return found

    def main(self, *args: Any, **settings: Any) -> Any:
        """Run a command and leave with its exit code."""
        settings["standalone_mode"] = False
        try:
            code = super().main(*args, **settings)
            sys.stdout.flush()
        except OSError as error:
            code = _said(error)
        except Exception as error:
            # The classes of these errors have moved between releases; this method has not.
            message = getattr(error, "format_message", None)
            if message is None:
                raise
            said = message()
            ended = said if said.endswith((".", "?")) else f"{said}."
            complain(f"{ended} {_remedy(said, error)}")
            code = 2
        sys.exit(code or 0)


def _remedy(said: str, error: Any) -> str:
    """What to do about words that the command line has no place for, or one that is missing."""
    if said.startswith("No such command"):
        return "`ppl-zoo --help` lists the commands."
    context = getattr(error, "ctx", None)
    taken = {option for known in context.command.params for option in known.opts} if context else ()
    extra = re.search(r"extra arguments?.*\((.*)\)", said)
    if extra is not None and "=" in extra[1] and "--set" in taken:
        return "Write --set KEY=VALUE."
    if extra is not None and "--data" in taken and _names_data(extra[1]):
        return f"Write --data {extra[1]}."
    return f"`{context.command_path if context else 'ppl-zoo'} --help` shows what it takes."


def _names_data(words: str) -> bool:
    """Whether these are the name of a data set, or of a file."""
    from ppl_models.datasets import list_datasets

    return words in list_datasets() or os.path.isfile(words)


def _refuse_empty(words: Sequence[str]) -> None:
    """Refuse words without a letter, which as a path would be the current folder."""
    options = [word for word in words if re.fullmatch(r"--[a-z-]+=", word)]
    if options or "" in words:
        what = f"{options[0][:-1]} is given no value" if options else "a word is empty"
        complain(
            f"{what}, as where a variable of the shell is not set; give it a value, or leave it "
            "out. The current folder is a dot."
        )
        raise typer.Exit(2)


def _said(error: OSError) -> int:
    """The exit code of a command that the operating system stopped, after a sentence about it.

    Raises:
        OSError: if it is about no file.
    """
    if unwritten(error):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is left
        complain(
            "the standard output, or a file of the command, cannot be written: "
            f"{error.strerror}; make room, and give the command again."
        )
        return 1
    if error.filename is None or not error.strerror:
        raise error
    complain(f"{error.filename} cannot be used: {error.strerror}; choose another path.")
    return 2
