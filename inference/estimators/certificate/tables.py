"""The certificate as tables."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from rich.table import Table

from inference.engines import ENGINES
from inference.estimators.certificate.certify import FAMILIES, UNSTATED, Outcome, Setting
from inference.estimators.certificate.noise import Noise

_T = TypeVar("_T")
Entries = list[tuple[Setting, Outcome]]
_LARGEST = 999  # a gradient without noise is infinitely many standard errors off


@dataclass(frozen=True)
class Grid:
    """A table of words.

    Attributes:
        columns: the header.
        rows: as long as it is, each.
        words: how many columns, from the left, are names and not numbers.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1

    def rich(self) -> Table:
        """For a terminal."""
        table = Table(*self.columns[: self.words])
        for column in self.columns[self.words :]:
            table.add_column(column, justify="right")
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """For a file."""
        marks = ["---"] * self.words + ["---:"] * (len(self.columns) - self.words)
        lines = (self.columns, tuple(marks), *self.rows)
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def deviations_table(entries: Entries) -> Grid:
    """Largest |z| by objective and kind of latent or program, over all K, batches and plates."""
    cases = _distinct(s.case for s, _ in entries)
    engines = [engine for engine in ENGINES if any(s.engine == engine for s, _ in entries)]

    def cell(label: str, case: str) -> str:
        own = [(s.engine, o) for s, o in entries if (s.label, s.case) == (label, case)]
        found = [_deviation([o for e, o in own if e == engine]) for engine in engines]
        return found[0] if set(found) in ({"-"}, {"."}) else " / ".join(found)

    rows = [
        (label, *(cell(label, case) for case in cases))
        for label in _distinct(s.label for s, _ in entries)
    ]
    return Grid((f"objective ({' / '.join(engines)})", *cases), tuple(rows))


def bias_table(entries: Entries) -> Grid:
    """Exact relative bias of the guide's expected gradient, against the ELBO's, by K."""
    most = max((s.rows for s, _ in entries), default=0)
    biased = [(s, o.bias) for s, o in entries if o.bias is not None and s.rows == most]
    cases = _distinct(s.case for s, _ in biased)
    rows = []
    for label, k in sorted(_distinct((s.label, s.num_particles) for s, _ in biased), key=_order):
        found = {s.case: b for s, b in biased if (s.label, s.num_particles) == (label, k)}
        cells = (f"{found[c]:.3f}" if c in found else "-" for c in cases)
        rows.append((label, str(k), *cells))
    return Grid(("objective", "K", *cases), tuple(rows), words=2)


def upstream_table(entries: Entries) -> Grid:
    """The libraries' own losses: largest |z| and relative error of the guide's mean gradient."""
    cases = _distinct(s.case for s, _ in entries if not s.subsampled)
    parts = _distinct(s.case for s, _ in entries if s.subsampled)
    rows = []
    for label, engine in _distinct((s.label, s.engine) for s, _ in entries):
        own = [(s, o) for s, o in entries if (s.label, s.engine) == (label, engine)]
        cells = [
            _with_error([o for s, o in own if s.case == case and s.subsampled == part])
            for part, names in ((False, cases), (True, parts))
            for case in names
        ]
        rows.append((label, engine, *cells))
    columns = ("loss", "engine", *cases, *(f"{case}, subsampled plate" for case in parts))
    return Grid(columns, tuple(rows), words=2)


def noise_table(found: list[Noise]) -> Grid:
    """Standard deviations beside a global latent, ours over the best of upstream's last."""
    rows = [
        (
            n.engine,
            n.order,
            f"{n.size:,}",
            f"{n.ours:.3f}",
            ", ".join(f"{name} {value:.3f}" for name, value in n.upstream.items()),
            f"{n.ratio:.2f}",
        )
        for n in found
    ]
    return Grid(("engine", "guide", "N", "ELBO()", "upstream", "ratio"), tuple(rows), words=2)


def _deviation(outcomes: list[Outcome]) -> str:
    found = [outcome.largest for outcome in outcomes if outcome.z.size]
    if found:
        return f"{max(found):.1f}"
    return "." if any(outcome.refusal == UNSTATED for outcome in outcomes) else "-"


def _with_error(outcomes: list[Outcome]) -> str:
    if not outcomes or math.isnan(outcomes[0].largest):
        return "-"
    z = outcomes[0].largest
    return f"{'>' if z > _LARGEST else ''}{min(z, _LARGEST):.1f} ({outcomes[0].error:.2f})"


def _order(row: tuple[str, int]) -> tuple[int, int]:
    return [family.label for family in FAMILIES].index(row[0]), row[1]


def _distinct(values: Iterable[_T]) -> list[_T]:
    return list(dict.fromkeys(values))
