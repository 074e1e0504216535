"""What `--json` prints: values on standard output, and everything else beside it."""

from __future__ import annotations

import errno
import json
import math
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from inference.cli.streams import RoomyConsole
from inference.cli.text import console

json_option = Annotated[
    bool, typer.Option("--json", help="Print JSON on standard output, and nothing else there.")
]
_beside: Console = RoomyConsole(markup=False, emoji=False, highlight=False, stderr=True)


def notes(as_json: bool) -> Console:  # noqa: FBT001
    """Where sentences go: to standard output, or beside JSON to standard error."""
    return _beside if as_json else console


def say_json(value: Any) -> None:
    """Print a value as JSON; what is no finite number is null."""
    text = json.dumps(found := _plain(value), indent=2, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # of a stream of few letters, where escapes of JSON are safe
        text = json.dumps(found, indent=2, allow_nan=False)
    typer.echo(text)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if hasattr(value, "item"):  # a number of NumPy
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def check_writable(*paths: Path | None) -> None:
    """Fail as writing files at the end would, before time is spent on what is to be written.

    Folders that are missing will be made.

    Raises:
        OSError: if one cannot be written.
    """
    for path in filter(None, paths):
        folder = path.parent
        while not folder.exists():
            folder = folder.parent
        refused = (
            (path.is_dir(), errno.EISDIR),
            (not folder.is_dir(), errno.ENOTDIR),
            (not os.access(folder, os.W_OK | os.X_OK), errno.EACCES),
        )
        for found, number in refused:
            if found:
                raise OSError(number, os.strerror(number), str(path))
