"""A picture of how a run learnt."""

from __future__ import annotations

from typing import Protocol

from inference.arguments import check_text, listed
from inference.descriptions import has, shown
from inference.errors import ArgumentError
from inference.figures.pictures import Picture


class History(Protocol):
    """A run, as far as its learning curve asks it."""

    @property
    def rows(self) -> list[dict[str, float]]:
        """A row for each report."""
        ...

    @property
    def unit(self) -> str:
        """Of the objective's value."""
        ...


def learning_curve(rows: list[dict[str, float]] | History, unit: str = "nats per datum") -> Picture:
    """Loss and validation bound against the step, as bounds (higher is better).

    Args:
        rows: the history, or the run that has it.
        unit: of the objective's value; a loss that is no bound in nats is drawn as it is. A run has
            its own.

    Raises:
        ArgumentError: if there is nothing to draw yet.
    """
    if not isinstance(rows, list) and has(rows, "rows", "unit"):
        rows, unit = rows.rows, rows.unit
    known = listed("rows", rows)
    if known is None or not all(
        isinstance(row, dict) and {"step", "loss"} <= row.keys() for row in known
    ):
        raise ArgumentError(f"rows must be a run's history, as run.rows has it, got {shown(rows)}.")
    if not known:
        raise ArgumentError("the run has no history yet; fit it for at least one epoch.")
    rows, unit = known, check_text("unit", unit)
    figure = Picture(figsize=(6, 3.5), layout="constrained")
    axes = figure.add_subplot()
    steps = [row["step"] for row in rows]
    marker = "o" if len(rows) < 3 else ""
    sign, what = (-1, "bound") if unit == "nats per datum" else (1, "loss")
    axes.plot(steps, [sign * row["loss"] for row in rows], marker=marker, label=f"training {what}")
    if "valid_bound" in rows[0]:
        values = [-sign * row["valid_bound"] for row in rows]
        axes.plot(steps, values, marker=marker, label=f"validation {what}")
    axes.set_xlabel("step")
    axes.set_ylabel(unit)
    axes.legend(frameon=False, loc="lower right" if sign < 0 else "upper right")
    axes.spines[["top", "right"]].set_visible(False)
    return figure
