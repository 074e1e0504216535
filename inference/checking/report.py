"""What the checks of a pair found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        check: the check's name.
        outcome: `"passed"`, `"failed"` or `"skipped"`.
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

    def __str__(self) -> str:
        where = f" ({self.line})" if self.line else ""
        return f"{self.outcome:<8}{self.check}{where}: {self.message}"


@dataclass(frozen=True)
class Report:
    """All findings of `check_pair`; printed, it is a line for each and their counts.

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
        """Mistakes."""
        return self._only("failed")

    @property
    def skipped(self) -> list[Finding]:
        """Checks that could not be made, or that have no meaning for this pair, and why."""
        return self._only("skipped")

    def _only(self, outcome: Outcome) -> list[Finding]:
        return [finding for finding in self.findings if finding.outcome == outcome]

    def __str__(self) -> str:
        ordered = [*self.passed, *self.skipped, *self.failed]
        counts = (
            f"{len(self.passed)} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"
        )
        return "\n".join([*map(str, ordered), counts])
