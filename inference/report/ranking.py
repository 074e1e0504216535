"""The ranking as the template takes it: what to show, what to sort by, where to draw."""

from __future__ import annotations

import math
from typing import Any

from inference.report.content import Cell, Content

_MARGIN, _WIDTH = 3.0, 80.0  # of the drawing, in its own units


def ranking(content: Content, colour: dict[str, int]) -> list[dict[str, Any]]:
    """A dictionary for each row: labels, colour of its curves, cells, why it failed."""
    scales = [
        _scale([row.cells[place] for row in content.rows if row.failed is None])
        for place in range(len(content.columns))
    ]
    rows = []
    for row in content.rows:
        reason, _, details = (row.failed or "").partition("\n")
        rows.append(
            {
                "labels": row.labels,
                "colour": colour.get(row.curve),
                "failed": row.failed is not None,
                "reason": reason or "no reason was given",
                "details": details,
                "cells": [
                    _cell(cell, scale) for cell, scale in zip(row.cells, scales, strict=False)
                ],
            }
        )
    return rows


def _cell(cell: Cell, scale: tuple[float, float] | None) -> dict[str, Any]:
    value = _finite(cell.value)
    if value is None:
        went_wrong = cell.value is not None
        text = "not finite" if went_wrong else cell.text or "no value"
        return {"text": text, "value": None, "best": "", "mark": None}
    mark = None
    if scale is not None:
        spread = abs(_finite(cell.spread) or 0.0)
        mark = [_place(each, scale) for each in (value - spread, value, value + spread)]
    best = "best" if cell.best else "best of its pair" if cell.leads else ""
    return {"text": cell.text, "value": repr(value), "best": best, "mark": mark}


def _scale(cells: list[Cell]) -> tuple[float, float] | None:
    """The range that a column's intervals span; None if there is nothing to compare."""
    ends = []
    for cell in cells:
        value, spread = _finite(cell.value), abs(_finite(cell.spread) or 0.0)
        if value is not None:
            ends += [value - spread, value + spread]
    low, high = min(ends, default=0.0), max(ends, default=0.0)
    return (low, high) if len(ends) > 2 and 0 < high - low < math.inf else None


def _place(value: float, scale: tuple[float, float]) -> float:
    low, high = scale
    return round(_MARGIN + (value - low) / (high - low) * (_WIDTH - 2 * _MARGIN), 2)


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
