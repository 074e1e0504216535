"""What a check is: a statement about a pair, and a function that looks for mistakes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from inference.checking.context import Context
from inference.checking.report import Level
from inference.descriptions import first_line
from inference.program.remedies import remedy_of


class Skip(Exception):  # noqa: N818  (it is no error)
    """A check has no meaning for this pair, or finds what is no mistake; the message says why.

    Args:
        message: why.
        site: the site that it is about, if it is about one.
        line: where in the user's code.
    """

    def __init__(self, message: str, site: str | None = None, line: str = "") -> None:
        super().__init__(message)
        self.site, self.line = site, line


@dataclass(frozen=True)
class Mistake:
    """What a check yields.

    Attributes:
        message: what was expected, what came, and what to do.
        site: the site that it is about.
        line: where in the user's code.
        level: how much it matters; see `Finding`.
    """

    message: str
    site: str | None = None
    line: str = ""
    level: Level = "error"


Body = Callable[[Context], Iterable[Mistake]]


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        name: its name.
        text: what holds of a pair that passes.
        needs: names of checks without which it says nothing.
        body: yields mistakes; raises `Skip` where there is nothing to check.
    """

    name: str
    text: str
    needs: tuple[str, ...]
    body: Body


def check(*, needs: tuple[str, ...] = ()) -> Callable[[Body], Check]:
    """Make a check of the function that looks for mistakes.

    Its name is the function's, with hyphens; what holds of a pair that passes is the docstring.

    Args:
        needs: names of checks without which it says nothing.
    """

    def made(body: Body) -> Check:
        said = inspect.getdoc(body) or ""
        return Check(body.__name__.replace("_", "-"), said[:1].lower() + said[1:], needs, body)

    return made


def in_words(error: BaseException) -> str:
    """An exception of the pair's as a sentence."""
    while error.__cause__ is not None and not type(error).__module__.startswith("inference"):
        error = error.__cause__  # Pyro wraps what happened into a listing of shapes
    if type(error).__module__.startswith("inference"):
        return f"{first_line(error)}. {remedy_of(error, '')}".strip()
    to_do = remedy_of(error, "Mend the line that raised it.")
    return f"it raised {type(error).__name__}: {first_line(error)}. {to_do}"
