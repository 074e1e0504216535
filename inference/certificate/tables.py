"""The certificate as tables."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeVar

from rich.table import Table

from inference.certificate.certify import FAMILIES, Outcome, Setting

_T = TypeVar("_T")
Entries = list[tuple[Setting, Outcome]]
_LARGEST = 999  # a gradient without noise is infinitely many standard errors off


def deviations_table(entries: Entries) -> Table:
    """Largest |z| by objective, kind of latent and engine, over all K, batches and plates."""
    cases = _distinct(s.case for s, _ in entries)
    found_in = _distinct((s.case, s.engine) for s, _ in entries)
    columns = sorted(found_in, key=lambda column: cases.index(column[0]))
    table = Table("objective")
    for case, engine in columns:
        table.add_column(f"{case}\n{engine}", justify="right")
    for label in _distinct(s.label for s, _ in entries):
        cells = []
        for column in columns:
            own = [o for s, o in entries if s.label == label and (s.case, s.engine) == column]
            found = [outcome.largest for outcome in own if outcome.z.size]
            cells.append(f"{max(found):.1f}" if found else "-")
        table.add_row(label, *cells)
    return table


def bias_table(entries: Entries) -> Table:
    """Exact relative bias of the guide's expected gradient, against the ELBO's, by K."""
    most = max(s.rows for s, _ in entries)
    biased = [(s, o.bias) for s, o in entries if o.bias is not None and s.rows == most]
    cases = _distinct(s.case for s, _ in biased)
    table = Table("objective", "K")
    for case in cases:
        table.add_column(case, justify="right")
    for label, k in sorted(_distinct((s.label, s.num_particles) for s, _ in biased), key=_order):
        found = {s.case: b for s, b in biased if (s.label, s.num_particles) == (label, k)}
        table.add_row(label, str(k), *(f"{found[c]:.3f}" if c in found else "-" for c in cases))
    return table


def upstream_table(entries: Entries) -> Table:
    """The libraries' own losses: largest |z| and relative error of the guide's mean gradient."""
    whole = [(s, o) for s, o in entries if not s.subsampled]
    cases = _distinct(s.case for s, _ in whole)
    table = Table("loss", "engine")
    for case in (*cases, "reparameterised,\nsubsampled plate"):
        table.add_column(case, justify="right")
    for label, engine in _distinct((s.label, s.engine) for s, _ in entries):
        own = [(s, o) for s, o in entries if (s.label, s.engine) == (label, engine)]
        cells = [
            _with_error([o for s, o in own if s.case == c and not s.subsampled]) for c in cases
        ]
        table.add_row(label, engine, *cells, _with_error([o for s, o in own if s.subsampled]))
    return table


def _with_error(outcomes: list[Outcome]) -> str:
    if not outcomes or math.isnan(outcomes[0].largest):
        return "-"
    z = outcomes[0].largest
    return f"{'>' if z > _LARGEST else ''}{min(z, _LARGEST):.1f} ({outcomes[0].error:.2f})"


def _order(row: tuple[str, int]) -> tuple[int, int]:
    return [family.label for family in FAMILIES].index(row[0]), row[1]


def _distinct(values: Iterable[_T]) -> list[_T]:
    return list(dict.fromkeys(values))
