"""Means and spreads over seeds, and which is best beyond doubt."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from scipy.stats import ttest_ind_from_stats

from inference.comparison.cells import Result
from inference.comparison.metric import Better, Metric

LEVEL = 0.05  # how often a best is marked where there is none, at most


@dataclass(frozen=True)
class Summary:
    """One metric of one pair under one objective, over the seeds.

    Attributes:
        mean: mean over the seeds; None where no run has the figure.
        spread: standard deviation over the seeds; None with less than two.
        count: seeds that have the figure.
        error: standard error over the scored data, with one seed and where the metric has it.
        best: whether it is better than all others beyond its error.
        leads: whether it is better than the same pair under all other objectives, beyond its
            error; said where there are several pairs.
        note: why there is none.
    """

    mean: float | None
    spread: float | None
    count: int
    error: float | None
    best: bool
    note: str = ""
    leads: bool = False

    def __str__(self) -> str:
        if self.mean is None:
            return "-"
        spread = self.error if self.spread is None else self.spread
        digits = _digits(self.mean, spread)
        around = "" if spread is None else f" ± {spread:.{digits}f}"
        return f"{self.mean:.{digits}f}{around}{self.star}"

    @property
    def star(self) -> str:
        """A star of the best over all rows, one in brackets of the best of its own pair."""
        return " *" if self.best else " (*)" if self.leads else ""


def summaries(
    results: Sequence[Result], metrics: Mapping[str, Metric]
) -> dict[tuple[str, str], dict[str, Summary]]:
    """Every metric of every pair under every objective, in the order of the results.

    The best of a metric is marked if it differs from each of the others by Welch's t-test over
    the seeds, two-sided at the level 0.05 divided by the number of others (Bonferroni); with less
    than two seeds nothing is marked. The same is asked within each pair.
    """
    rows: dict[tuple[str, str], dict[str, Summary]] = {}
    for key, group in groupby(results, lambda result: (result.pair, result.objective)):
        runs = list(group)
        rows[key] = {name: _over_seeds(name, runs) for name in metrics}
    for name, metric in metrics.items():
        if metric.better is not None:
            column = {key: row[name] for key, row in rows.items()}
            best = _best(column, metric.better)
            if best is not None:
                rows[best][name] = replace(rows[best][name], best=True)
            for first in _leaders(column, metric.better):
                rows[first][name] = replace(rows[first][name], leads=True)
    return rows


def _leaders(column: Mapping[tuple[str, str], Summary], better: Better) -> list[tuple[str, str]]:
    """Of each pair the objective that is best beyond its error, where there are several pairs."""
    pairs = dict.fromkeys(pair for pair, _ in column)
    if len(pairs) < 2:
        return []
    within = ({key: s for key, s in column.items() if key[0] == pair} for pair in pairs)
    return [best for own in within if (best := _best(own, better)) is not None]


def _over_seeds(name: str, runs: Sequence[Result]) -> Summary:
    figures = [run.figures[name] for run in runs if name in run.figures]
    values = np.array([figure.value for figure in figures if figure.value is not None])
    if not len(values):
        notes = [figure.note for figure in figures] + [run.why or "" for run in runs]
        return Summary(None, None, 0, None, best=False, note=next(filter(None, notes), ""))
    spread = float(values.std(ddof=1)) if len(values) > 1 else None
    error = figures[0].error if len(values) == 1 else None
    return Summary(float(values.mean()), spread, len(values), error, best=False)


def _best(column: Mapping[tuple[str, str], Summary], better: Better) -> tuple[str, str] | None:
    """Who differs from all others beyond their errors; None if nobody does."""
    known = {key: s for key, s in column.items() if s.mean is not None}
    if len(known) < 2:
        return None
    sign = 1 if better == "higher" else -1
    best = max(known, key=lambda key: sign * (known[key].mean or 0.0))
    others = [s for key, s in known.items() if key != best]
    return best if all(_differ(known[best], s, LEVEL / len(others)) for s in others) else None


def _differ(a: Summary, b: Summary, level: float) -> bool:
    if a.spread is None or b.spread is None:
        return False
    if a.spread == b.spread == 0:
        return a.mean != b.mean
    ends = (s for x in (a, b) for s in (x.mean, x.spread, x.count))
    return bool(ttest_ind_from_stats(*ends, equal_var=False).pvalue < level)


def _digits(mean: float, spread: float | None) -> int:
    """Decimals: two digits of the spread, or five of the mean; whole numbers as they are."""
    if not spread:
        return 0 if mean == round(mean) else max(0, min(4, 4 - math.floor(math.log10(abs(mean)))))
    return max(0, min(6, 1 - math.floor(math.log10(spread))))
