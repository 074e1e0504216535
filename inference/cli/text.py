"""What the command line says: tables, progress, errors as sentences about options; no framework."""

from __future__ import annotations

import contextlib
import difflib
import errno
import re
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.text import Text
from tqdm import tqdm

from inference.cli.streams import RoomyConsole
from inference.errors import ArgumentError, ZooError

# Nothing that a user or a spec contains is read as markup or as the name of an emoji.
console = RoomyConsole(markup=False, emoji=False, highlight=False)
_SECONDS_BETWEEN_LINES = 60.0
_FEW = 3  # words to choose from
_DIGITS = 18  # Python refuses to read thousands of them
_errors = RoomyConsole(markup=False, emoji=False, highlight=False, stderr=True)

_UNWRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)

_KEYWORDS = (
    *("out", "resume", "epochs", "steps", "seconds", "batch_size", "learning_rate", "schedule"),
    *("clip_norm", "average_decay", "patience", "seed", "device", "objective", "method"),
    "num_particles",
)
_KEYWORD = re.compile(rf"(?:(?<=\s)|^)({'|'.join(_KEYWORDS)})=(True\b)?(?=(\S)?)")
_SETTING = re.compile(r"(?<=\s)(?=(data_dim|data_size|length|likelihood)=)")


def known_words(option: str, words: Sequence[str] | None, known: Sequence[str]) -> list[str]:
    """The words given to an option, or all that there are.

    Raises:
        ArgumentError: if one of them is not known.
    """
    for word in words or ():
        if word not in known:
            listed = ", ".join(repr(each) if "," in each else each for each in known)
            raise ArgumentError(
                f"{option} {word!r}: {did_you_mean(word, known)}expected one of {listed}."
            )
    return list(words or known)


def did_you_mean(word: str, known: Collection[str]) -> str:
    """The known word that is nearest to one that is not known, as a question; empty if none is.

    A few words speak for themselves.
    """
    by_small = {each.lower(): each for each in known} if len(known) > _FEW else {}
    near = difflib.get_close_matches(word.lower(), by_small, n=1, cutoff=0.6)
    return f"did you mean {by_small[near[0]]!r}? " if near else ""


def whole_numbers(option: str, text: str) -> list[int]:
    """The numbers of a list such as `"1,2,5"`.

    Raises:
        ArgumentError: if one of them is not a positive whole number.
    """
    found = [whole_number(part.strip()) for part in text.split(",")]
    if not all(found):
        raise ArgumentError(f"{option} {text!r}: expected positive whole numbers, as in 1,2,5.")
    return [number for number in found if number]


def whole_number(text: str) -> int | None:
    """The number that digits say; None if they say none, or one that nothing is counted by."""
    return int(text) if text.isdecimal() and len(text) <= _DIGITS else None


@contextlib.contextmanager
def progress_bar(unit: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on the terminal's error stream, or plain lines; yields what sets it to so many."""
    if not sys.stderr.isatty():
        yield _lines(unit, total)
        return
    with tqdm(total=total, unit=f" {unit}") as bar:

        def show(done: int) -> None:
            bar.update(done - bar.n)

        yield show


def _lines(unit: str, total: int) -> Callable[[int], None]:
    """A line each minute, and one at the end."""
    last = time.monotonic()

    def show(done: int) -> None:
        nonlocal last
        if done == total or time.monotonic() - last > _SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            print(f"{done} of {total} {unit}", file=sys.stderr, flush=True)

    return show


def resume_command(context: typer.Context, folder: Path) -> str:
    """The command that goes on with an interrupted `train`, quoted for a shell."""
    words = ["ppl-zoo", "train"]
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if source is None or source.name != "COMMANDLINE" or name in ("out", "resume"):
            continue
        value = context.params[name]
        for item in value if isinstance(value, (list, tuple)) else [value]:
            if parameter.param_type_name == "option":
                words.append(parameter.opts[0])
            if item is not True:
                words.append(str(item))
    return shell_words(*words, "--out", as_argument(folder), "--resume")


def as_argument(path: Path) -> str:
    """A path that no command takes for an option."""
    return f"./{path}" if str(path).startswith("-") else str(path)


def shell_words(*words: str) -> str:
    """A command as a shell takes it, in one line; control characters of file names are escaped."""
    return " ".join(map(_shell_word, words))


def _shell_word(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    codes = word.encode("utf-8", "surrogateescape")
    plain = (
        chr(code) if 32 <= code < 127 and chr(code) not in "'\\" else f"\\x{code:02x}"
        for code in codes
    )
    return f"$'{''.join(plain)}'"


def unwritten(error: Exception) -> bool:
    """Whether what was open already could not be written: the standard output, for one."""
    return isinstance(error, OSError) and error.errno in _UNWRITTEN and error.filename is None


def complain(message: str) -> None:
    """Print an error of the library as a sentence about the command's options."""
    _errors.print(Text.assemble(("error: ", "bold red"), _in_options(message)), soft_wrap=True)


@contextlib.contextmanager
def answering(*kinds: type[Exception], about: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Turn what the library refuses, and errors of these kinds, into a sentence and exit code 2.

    Args:
        *kinds: kinds of errors that come from what the user passed, besides the library's own.
        about: the hyperparameters; they are named if the error names none of them.
    """
    try:
        yield
    except (ZooError, *kinds) as error:
        if isinstance(error, BrokenPipeError) or unwritten(error):
            raise  # not what the user passed: see `Commands`
        message = str(error)
        if isinstance(error, OSError) and error.strerror:
            what = "the current folder" if error.filename is None else error.filename
            message = f"{what} cannot be used: {error.strerror}; choose another path."
        if about and not any(key in message for key in about):
            given = " ".join(f"{key}={value!r}" for key, value in about.items())
            message = f"--set was refused ({given}): {message}"
        complain(message)
        raise typer.Exit(2) from error


@contextlib.contextmanager
def plain_warnings() -> Iterator[None]:
    """Show a warning as a line, without the place in the source that it comes from."""

    def show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
        text = Text.assemble(("warning: ", "bold yellow"), _in_options(str(message)))
        _errors.print(text, soft_wrap=True)

    with warnings.catch_warnings():
        warnings.showwarning = show_warning
        yield


def _in_options(message: str) -> str:
    """A message on one line, in which `batch_size=` is called `--batch-size`.

    What stands in a call, such as `log_likelihood(pair, x, method='ais')`, is Python and stays.
    """

    def option(found: re.Match[str]) -> str:
        name = found[1].removeprefix("num_").replace("_", "-")
        return f"--{name}" + (" " if (found[3] or ",").isalnum() or found[3] in ("'", '"') else "")

    def outside(found: re.Match[str]) -> str:
        inside = found.start() in calls
        return found[0] if inside else option(found)

    text = " ".join(message.splitlines())
    calls = _places_in_calls(text)
    return _SETTING.sub("--set ", _KEYWORD.sub(outside, text))


def _places_in_calls(text: str) -> set[int]:
    """The places between the brackets of `name(...)`."""
    found, opened = set(), []
    for place, letter in enumerate(text):
        if letter == "(":
            opened.append(place > 0 and (text[place - 1].isalnum() or text[place - 1] == "_"))
        elif letter == ")" and opened:
            opened.pop()
        elif any(opened):
            found.add(place)
    return found
