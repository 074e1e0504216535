"""One line of the scoreboard."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """How many of so many came out right.

    Attributes:
        name: what was tried.
        good: how many came out as they should.
        total: how many were tried.
        failures: what happened to the others, the first ten.
        seconds: how long it took.
    """

    name: str
    good: int
    total: int
    failures: tuple[str, ...]
    seconds: float

    @property
    def whole(self) -> bool:
        """Whether all came out right, and some were tried."""
        return self.good == self.total > 0


def counted(name: str, outcomes: Iterable[str]) -> Row:
    """A row of outcomes, each empty where it is right and else in words."""
    begun = time.monotonic()
    found = list(outcomes)
    wrong = [each for each in found if each]
    seconds = time.monotonic() - begun
    return Row(name, len(found) - len(wrong), len(found), tuple(wrong[:10]), seconds)
