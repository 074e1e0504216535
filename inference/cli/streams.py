"""The streams of a command as a shell leaves them: closed, narrow, or of few letters."""

from __future__ import annotations

import io
import os
import sys

from rich.console import Console, ConsoleDimensions

_NARROWEST = 60  # columns, below which tables lose whole columns


def make_usable() -> None:
    """Open what the shell closed on nothing, and write letters that a stream lacks as escapes.

    Of a closed stream Python makes None, which nothing can be written to; and the next file that is
    opened takes its number, so that a library's prints end up in a checkpoint.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    raw = getattr(sys.stdout, "buffer", None)
    if isinstance(raw, io.RawIOBase):  # of PYTHONUNBUFFERED, which drops what a full disk refuses
        encoding, errors = sys.stdout.encoding, sys.stdout.errors
        sys.stdout.detach()  # pyright: ignore[reportAttributeAccessIssue]
        buffered = io.BufferedWriter(raw)
        sys.stdout = io.TextIOWrapper(buffered, encoding, errors, line_buffering=True)
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


class RoomyConsole(Console):
    """A console that lays tables out for 60 columns where the terminal has fewer.

    The terminal then folds lines; laid out for 20, columns have no width, and for 0 none is shown.
    """

    @property
    def size(self) -> ConsoleDimensions:
        """Columns and lines."""
        found = super().size
        return ConsoleDimensions(max(found.width, _NARROWEST), found.height)

    @size.setter
    def size(self, new_size: tuple[int, int]) -> None:
        Console.size.fset(self, new_size)  # pyright: ignore[reportOptionalCall]
