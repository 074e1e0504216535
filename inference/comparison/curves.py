"""Learning curves of a comparison."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from inference.errors import ArgumentError
from inference.figures.pictures import Picture
from inference.objectives import Objective
from inference.training.run import Run

if TYPE_CHECKING:
    from inference.comparison.comparison import Comparison

Rows = list[dict[str, float]]


def bounds(comparison: Comparison) -> dict[tuple[str, str], dict[int, Rows]]:
    """Histories with a validation bound in nats, by seed, by pair and objective."""
    found: dict[tuple[str, str], dict[int, Rows]] = defaultdict(dict)
    for cell, result in zip(comparison.cells, comparison.results, strict=True):
        bounded = getattr(cell.learning, "unit", Objective.unit) == Objective.unit
        if result.failed or not cell.fits or not bounded:
            continue
        run: Run = comparison.run(cell.pair, cell.objective, cell.seed)
        if run.rows and "valid_bound" in run.rows[0]:
            found[cell.pair, cell.objective][cell.seed] = run.rows
    return dict(found)


def plot(comparison: Comparison) -> Picture:
    """Validation bound against steps and against seconds; see `Comparison.plot`.

    Raises:
        ArgumentError: if no run has a validation bound.
    """
    curves = bounds(comparison)
    if not curves:
        raise ArgumentError(
            "no run has a validation bound to draw: the data have no validation rows, or all "
            "objectives are no bounds; see Comparison.table()."
        )
    figure = Picture(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for position, ((pair, objective), seeds) in enumerate(curves.items()):
        runs = list(seeds.values())
        colour = f"C{position % 10}"
        style = ("-", "--", ":", "-.")[position // 10 % 4]
        for axes, key in ((left, "step"), (right, "seconds")):
            for rows in runs:
                faint = {"alpha": 0.35, "linewidth": 0.8} if len(runs) > 1 else {}
                x, y = ([row[name] for row in rows] for name in (key, "valid_bound"))
                axes.plot(x, y, color=colour, linestyle=style, **faint)
        length = min(map(len, runs))
        mean = np.mean([[row["valid_bound"] for row in rows[:length]] for rows in runs], axis=0)
        steps = [row["step"] for row in runs[0][:length]]
        label = f"{pair}, {objective}".replace("$", r"\$")  # no mathematics in labels
        left.plot(steps, mean, color=colour, linestyle=style, label=label)
    left.set_xlabel("step")
    left.set_ylabel("validation bound (nats per datum)")
    right.set_xlabel("seconds")
    everything = [
        row["valid_bound"] for seeds in curves.values() for rows in seeds.values() for row in rows
    ]
    low, high = np.quantile(everything, 0.1), max(everything)
    left.set_ylim(low - 0.05 * (high - low) - 1e-9, high + 0.05 * (high - low) + 1e-9)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False, fontsize="small")
    return figure
