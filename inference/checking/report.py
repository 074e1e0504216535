"""What the checks of a pair found."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from inference.objectives.validity import by_reason
from inference.tables import PrintedTable

Outcome = Literal["passed", "failed", "limited", "noted", "skipped"]
Level = Literal["error", "limit", "note"]

_LEVELS: dict[Outcome, Level] = {"failed": "error", "limited": "limit", "noted": "note"}
_WIDTH, _INDENT = 80, 8  # columns


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        check: the check's name.
        outcome: `"passed"`, `"failed"`, `"limited"`, `"noted"` or `"skipped"`.
        message: what was checked; of a mistake what was expected, what came, and what to do; of a
            check that was skipped the reason.
        site: the site that it is about, if it is about one.
        line: where in the user's code, as `file.py:12`, where that is known.
    """

    check: str
    outcome: Outcome
    message: str
    site: str | None = None
    line: str = ""

    @property
    def level(self) -> Level | None:
        """How much it matters; None of what passed or was skipped.

        `"error"`: wrong under every objective that is offered for the pair, or it crashes.
        `"limit"`: right under some objectives and not under others; the message says which.
        `"note"`: worth a look, and right if it is meant.
        """
        return _LEVELS.get(self.outcome)

    def __str__(self) -> str:
        where = f" ({self.line})" if self.line else ""
        return f"{self.level or self.outcome:<{_INDENT}}{self.check}{where}: {self.message}"


@dataclass(frozen=True)
class Report:
    """All findings of `check_pair`; printed, a paragraph for each and their counts.

    Checks that were skipped for one reason share a paragraph.

    Attributes:
        findings: in the order of the checks. A check that found several mistakes has several.
    """

    findings: Sequence[Finding]

    @property
    def passed(self) -> list[Finding]:
        """Checks that the pair passed."""
        return self._only("passed")

    @property
    def failed(self) -> list[Finding]:
        """Errors: wrong under every objective that is offered for the pair, or it crashes."""
        return self._only("failed")

    @property
    def limits(self) -> list[Finding]:
        """What is right under some objectives and not under others."""
        return self._only("limited")

    @property
    def notes(self) -> list[Finding]:
        """What is worth a look, and right if it is meant."""
        return self._only("noted")

    @property
    def skipped(self) -> list[Finding]:
        """Checks that could not be made, or that have no meaning for this pair, and why."""
        return self._only("skipped")

    @property
    def frame(self) -> pd.DataFrame:
        """A row a finding: `level` (or `passed`, `skipped`), `check`, `site`, `line`, `message`."""
        rows = [(f.level or f.outcome, f.check, f.site, f.line, f.message) for f in self.findings]
        columns = ["level", "check", "site", "line", "message"]
        return PrintedTable(pd.DataFrame(rows, columns=columns))

    def _only(self, outcome: Outcome) -> list[Finding]:
        return [finding for finding in self.findings if finding.outcome == outcome]

    def _repr_html_(self) -> str:
        """A row for each finding that matters, and the counts; passed checks are only counted."""
        found = self.frame
        shown = found[found["level"].isin(list(_LEVELS.values()))].fillna("")
        table = shown.to_html(index=False, escape=True) if len(shown) else ""
        return f"<p>{html.escape(self.counts)}</p>{table}"

    def __str__(self) -> str:
        found = [*self.notes, *self.limits, *self.failed]
        lines = [*map(str, self.passed), *_together(self.skipped), *map(str, found)]
        return "\n".join([*map(_wrapped, lines), self.counts])

    @property
    def counts(self) -> str:
        """How many findings of each kind there are, in words."""
        return ", ".join(
            [
                f"{len(self.passed)} passed",
                _counted(len(self.failed), "error"),
                _counted(len(self.limits), "limit"),
                _counted(len(self.notes), "note"),
                f"{len(self.skipped)} skipped",
            ]
        )


def _together(skipped: Sequence[Finding]) -> Iterator[str]:
    """Checks that were skipped for one reason as one paragraph."""
    for kind in ("", "objective "):
        of_kind = [each for each in skipped if each.check.startswith("objective ") == bool(kind)]
        told = {each.check.removeprefix(kind): each for each in of_kind}
        reasons = by_reason({name: each.message for name, each in told.items()})
        for why, names in reasons.items():
            if len(names) == 1:
                yield str(told[names[0]])
            else:
                plural = "objectives " if kind else ""
                said = f"each {why}" if kind else re.sub("^it needs", "each needs", why)
                yield f"{'skipped':<{_INDENT}}{plural}{', '.join(names)}: {said}"


def _wrapped(finding: str) -> str:
    return textwrap.fill(
        finding,
        _WIDTH,
        subsequent_indent=" " * _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
