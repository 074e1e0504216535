"""The list of checks, and how one is run: what it needs has to have passed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from inference.checking.context import Context
from inference.checking.report import Finding, Level, Outcome
from inference.program.records import raising_line


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


_OUTCOMES: dict[Level, Outcome] = {"error": "failed", "limit": "limited", "note": "noted"}

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


CHECKS: dict[str, Check] = {}


def check(name: str, text: str, *, needs: tuple[str, ...] = ()) -> Callable[[Body], Body]:
    """Register a check; those that it needs have to be registered before it."""

    def register(body: Body) -> Body:
        assert all(needed in CHECKS for needed in needs), name
        CHECKS[name] = Check(name, text, needs, body)
        return body

    return register


def with_needs(names: Iterable[str]) -> list[Check]:
    """The checks of these names and all that they need, in the order of the registry."""
    wanted, queue = set[str](), list(names)
    while queue:
        name = queue.pop()
        if name not in wanted:
            wanted.add(name)
            queue += CHECKS[name].needs
    return [each for each in CHECKS.values() if each.name in wanted]


def run(checks: Iterable[Check], context: Context) -> Iterator[Finding]:
    """The findings of some checks; an exception inside of a check is a finding too."""
    unmet: set[str] = set()
    for each in checks:
        missing = [name for name in each.needs if name in unmet]
        if missing:
            unmet.add(each.name)
            yield Finding(each.name, "skipped", f"it needs {missing[0]!r}, which did not pass.")
            continue
        try:
            mistakes = list(each.body(context))
        except Skip as reason:
            yield Finding(each.name, "skipped", str(reason), reason.site, reason.line)
            continue
        except Exception as error:  # the pair is the user's: anything can come
            mistakes = [Mistake(in_words(error), line=raising_line(error))]
        if any(mistake.level != "note" for mistake in mistakes):
            unmet.add(each.name)
        for mistake in mistakes:
            yield Finding(
                each.name,
                _OUTCOMES[mistake.level],
                mistake.message,
                mistake.site,
                mistake.line,
            )
        if not mistakes:
            yield Finding(each.name, "passed", each.text)


def in_words(error: BaseException) -> str:
    """An exception of the pair's as a sentence."""
    while error.__cause__ is not None and not type(error).__module__.startswith("inference"):
        error = error.__cause__  # Pyro wraps what happened into a listing of shapes
    lines = str(error).strip().splitlines()
    said = lines[0].rstrip(".") if lines else "no message"
    return f"it raised {type(error).__name__}: {said}. Mend the line that raised it."
