"""Curves, plots and scatters as panels: the one form that the page's chart draws.

A section holds keys, which are the labels that its switches show and hide, and panels. A panel
has one or more x axes to choose from, a y axis, and series; a series names its key by its place
and has a row of numbers for each axis. Points that cannot be drawn become null, and the panel's
note counts them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.report.content import Content, Curve, Plot, Scatter
from inference.report.images import atlas

Json = dict[str, Any]
_LARGEST = 1e300  # beyond it, the difference of two numbers may be infinite


def colours(content: Content) -> dict[str, int]:
    """A number for each algorithm, so that it has one colour all over the page."""
    labels = [curve.label for curve in content.curves]
    labels += [series.label for plot in content.lines for series in plot.series]
    return {label: place for place, label in enumerate(dict.fromkeys(labels))}


def sections(content: Content) -> dict[str, Json]:
    """The sections with charts, by their id on the page, without those that are empty."""
    colour = colours(content)
    names = {name for scatter in content.latents for name in scatter.classes or ()}
    classes = {name: place for place, name in enumerate(sorted(names, key=_natural))}
    found = {
        "curves": _section(_curves(content.curves), colour),
        "latents": _section([_scatter(each) for each in content.latents], classes),
        "lines": _section(_lines(content.lines), colour),
    }
    return {name: section for name, section in found.items() if section["panels"]}


def _section(panels: list[Json], colour: dict[str, int]) -> Json:
    """Panels, and the labels of their series by order of colour."""
    series = [each for panel in panels for each in panel["series"]]
    labels = sorted({each["label"] for each in series} & set(colour), key=colour.__getitem__)
    places = {label: place for place, label in enumerate(labels)}
    for each in series:
        each["key"] = places.get(each.pop("label"))
    keys = [{"label": label, "colour": colour[label]} for label in labels]
    return {"keys": keys, "panels": panels}


def _curves(curves: Sequence[Curve]) -> list[Json]:
    """A panel for each quantity; the x axis is steps or seconds."""
    timed = any(curve.seconds is not None for curve in curves)
    axes = [_axis("steps"), _axis("seconds")] if timed else [_axis("steps")]
    panels = []
    for quantity, unit in dict.fromkeys((each.quantity, each.unit) for each in curves):
        series = [
            _series(each.label, each.run, [each.steps, each.seconds][: len(axes)], each.values)
            for each in curves
            if (each.quantity, each.unit) == (quantity, unit)
        ]
        panels.append(_panel(quantity, axes, _axis(quantity, unit=unit), series))
    return panels


def _lines(plots: Iterable[Plot]) -> list[Json]:
    """A panel for each group of each plot; the panels of a plot share their axes."""
    panels = []
    for place, plot in enumerate(plots):
        x, y = _axis(plot.x_label, log=plot.log_x), _axis(plot.y_label, log=plot.log_y)
        for group in dict.fromkeys(series.group for series in plot.series):
            series = [
                _series(each.label, "", [each.x], each.y, log=(plot.log_x, plot.log_y))
                for each in plot.series
                if each.group == group
            ]
            title = f"{plot.title}: {group}" if group else plot.title
            panels.append({**_panel(title, [x], y, series), "share": place})
    return panels


def _scatter(scatter: Scatter) -> Json:
    """A series for each class; `place` leads from a point to its image in the atlas."""
    x, y = np.asarray(scatter.x, dtype=np.float64), np.asarray(scatter.y, dtype=np.float64)
    names = [""] * len(x) if scatter.classes is None else list(scatter.classes)
    members: dict[str, list[int]] = {name: [] for name in sorted(set(names), key=_natural)}
    for place, name in enumerate(names):
        members[name].append(place)
    series = [
        {**_series(name, "", [x[places]], y[places]), "place": places}
        for name, places in members.items()
    ]
    across, along = [_axis(scatter.x_label)], _axis(scatter.y_label)
    panel = {**_panel(scatter.label, across, along, series, note=scatter.note), "dots": True}
    if scatter.images is not None and len(x):
        _, height, width = scatter.images.shape
        columns = math.ceil(math.sqrt(len(x)))
        source = atlas(np.asarray(scatter.images), columns)
        panel["atlas"] = {"source": source, "columns": columns, "height": height, "width": width}
    return panel


def _axis(name: str, *, unit: str = "", log: bool = False) -> Json:
    return {"name": name, "unit": unit, "log": log}


def _panel(title: str, x: list[Json], y: Json, series: list[Json], *, note: str = "") -> Json:
    lost = sum(each.pop("lost") for each in series)
    if lost:
        log = x[0]["log"] or y["log"]
        why = "finite and, on a log axis, positive" if log else "finite"
        note = f"{note} Not drawn, as their values are not {why}: {lost} of the points.".strip()
    return {"title": title, "x": x, "y": y, "series": series, "note": note}


def _series(
    label: str,
    name: str,
    x: Sequence[ArrayLike | None],
    y: ArrayLike,
    *,
    log: tuple[bool, bool] = (False, False),
) -> Json:
    """A row of numbers for each x axis, all null where the axis was not measured, and for y."""
    values = _drawable(y, log=log[1])
    lost = np.isnan(values)
    rows = []
    for each in x:
        row = np.full_like(values, np.nan) if each is None else _drawable(each, log=log[0])
        lost |= False if each is None else np.isnan(row)
        rows.append(_nullable(row))
    return {
        "label": label,
        "name": name,
        "x": rows,
        "y": _nullable(values),
        "lost": int(lost.sum()),
    }


def _drawable(values: ArrayLike, *, log: bool) -> NDArray[np.float64]:
    """The values, NaN where an axis has no place for them."""
    array = np.asarray(values, dtype=np.float64)
    placed = np.isfinite(array) & (np.abs(array) <= _LARGEST)
    return np.where(placed & (array > 0) if log else placed, array, np.nan)


def _nullable(values: NDArray[np.float64]) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values.tolist()]


def _natural(text: str) -> list[tuple[int, int, str]]:
    """A sort key by which "10" follows "9"."""
    parts = re.split(r"([0-9]+)", text)
    return [
        (1, int(part[:99]), "") if place % 2 else (0, 0, part) for place, part in enumerate(parts)
    ]
