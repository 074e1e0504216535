"""What a report shows, as plain data: no framework, no run, nothing to compute.

Any string may come from a user and may hold anything; it is shown as it is and never acted on.
Numbers may be missing or not finite; they are then left out, and the page says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.descriptions import shown
from inference.errors import ArgumentError


@dataclass(frozen=True)
class Column:
    """A column of the ranking.

    Attributes:
        name: heading.
        unit: of its values, such as `"nats per datum"`.
        better: which values are the better ones; None where that is no question.
        note: what the quantity is, shown when the pointer rests on the heading.
    """

    name: str
    unit: str = ""
    better: Literal["higher", "lower"] | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if self.better not in ("higher", "lower", None):
            raise ArgumentError(
                f"column {self.name!r}: better must be 'higher', 'lower' or None, "
                f"got {shown(self.better)}."
            )


@dataclass(frozen=True)
class Cell:
    """A value of the ranking.

    Attributes:
        text: the value as it is shown, its spread included, such as `"-92.31 ± 0.12"`.
        value: what the column is sorted by; None or not finite where there is no value.
        spread: half the width of the interval drawn around the value, in the column's unit.
        best: whether it is marked as the best of its column.
        leads: whether it is marked as the best of its own pair.
    """

    text: str
    value: float | None = None
    spread: float | None = None
    best: bool = False
    leads: bool = False


@dataclass(frozen=True)
class Row:
    """An algorithm of the ranking, or why it failed.

    Attributes:
        labels: what it is called, one for each of `Content.label_names`.
        cells: one for each column; none if it failed.
        failed: why there are no values; the first line is always shown, the others on demand.
        curve: the label of its learning curves, whose colour then marks the row.
    """

    labels: tuple[str, ...]
    cells: tuple[Cell, ...] = ()
    failed: str | None = None
    curve: str = ""


@dataclass(frozen=True, eq=False)
class Curve:
    """How one run learnt.

    Attributes:
        label: the algorithm; runs that share it share a colour and a switch.
        quantity: what the values are; each quantity has a panel of its own.
        unit: of the values.
        steps: where the values were taken, in optimiser steps, shape (T,).
        seconds: the same in seconds, shape (T,); None if they were not measured.
        values: shape (T,).
        run: which run it is, such as `"seed 3"`.
    """

    label: str
    quantity: str
    unit: str
    steps: ArrayLike
    seconds: ArrayLike | None
    values: ArrayLike
    run: str = ""

    def __post_init__(self) -> None:
        name = f"curve {self.label!r}"
        length = len(numbers(name, "values", self.values))
        numbers(name, "steps", self.steps, length)
        if self.seconds is not None:
            numbers(name, "seconds", self.seconds, length)


@dataclass(frozen=True, eq=False)
class Scatter:
    """Latents of data, as points of the plane.

    Attributes:
        label: the algorithm.
        x: first coordinate, shape (N,).
        y: second coordinate, shape (N,).
        classes: what each point is, N strings; they colour the points.
        images: what each point decodes to, shape (N, height, width), uint8.
        note: what the reader should know, such as the projection that was used.
        x_label: name of the first coordinate.
        y_label: name of the second coordinate.
    """

    label: str
    x: ArrayLike
    y: ArrayLike
    classes: Sequence[str] | None = None
    images: NDArray[Any] | None = None
    note: str = ""
    x_label: str = "z[0]"
    y_label: str = "z[1]"

    def __post_init__(self) -> None:
        name = f"scatter {self.label!r}"
        length = len(numbers(name, "x", self.x))
        numbers(name, "y", self.y, length)
        if self.classes is not None:
            others = [each for each in self.classes if not isinstance(each, str)]
            if others or len(self.classes) != length:
                got = f"{others[0]!r} among them" if others else f"{len(self.classes)}"
                raise ArgumentError(
                    f"{name}: classes must be a string for each of the {length} points, got {got}."
                )
        if self.images is not None:
            images = np.asarray(self.images)
            fits = images.dtype == np.uint8 and images.ndim == 3 and len(images) == length
            if not fits or 0 in images.shape[1:]:
                raise ArgumentError(
                    f"{name}: images must be uint8 of shape ({length}, height, width), an image "
                    f"for each point; got {images.dtype} of shape {images.shape}."
                )


@dataclass(frozen=True, eq=False)
class Sheet:
    """Samples of one algorithm.

    Attributes:
        label: the algorithm.
        images: shape (n, height, width); black is 0 and white is 1, what lies beyond is clipped.
    """

    label: str
    images: NDArray[Any]

    def __post_init__(self) -> None:
        images = np.asarray(self.images)
        if images.ndim != 3 or not images.size or images.dtype.kind not in "fiub":
            raise ArgumentError(
                f"sheet {self.label!r}: images must be numbers of shape (n, height, width) with "
                f"one image or more, got {images.dtype} of shape {images.shape}."
            )


@dataclass(frozen=True, eq=False)
class Series:
    """A line of a plot.

    Attributes:
        label: the algorithm; it has the colour that its learning curves have.
        group: what it is measured on, such as `"guide"`; each group has a panel of its own.
        x: shape (T,).
        y: shape (T,).
    """

    label: str
    group: str
    x: ArrayLike
    y: ArrayLike

    def __post_init__(self) -> None:
        name = f"series {self.label!r}"
        numbers(name, "y", self.y, len(numbers(name, "x", self.x)))


@dataclass(frozen=True, eq=False)
class Plot:
    """Lines against something other than time, a panel for each group, all on the same axes."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True)
class Command:
    """A command that repeats something on the page, exactly as it is typed."""

    label: str
    text: str


@dataclass(frozen=True, eq=False)
class Content:
    """All of a report. What is empty does not appear.

    Attributes:
        title: of the page.
        facts: what was run on what: data ids, budget, seeds, versions, hardware.
        label_names: headings of the labels of the rows.
        columns: of the ranking.
        rows: of the ranking, in the order in which they are first shown.
        ranked_by: the column that the rows are given in the order of, best first; empty: none.
        ranking_note: how to read the ranking: what is best, and what the spread is.
        curves: learning curves, one for each run and quantity.
        latents: scatters of latents.
        samples: samples, a sheet for each algorithm.
        lines: other plots, such as the signal-to-noise ratio against K.
        commands: how to repeat it.
    """

    title: str
    facts: Mapping[str, str] = field(default_factory=dict)
    label_names: tuple[str, ...] = ("pair", "objective", "engine")
    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()
    ranked_by: str = ""
    ranking_note: str = ""
    curves: tuple[Curve, ...] = ()
    latents: tuple[Scatter, ...] = ()
    samples: tuple[Sheet, ...] = ()
    lines: tuple[Plot, ...] = ()
    commands: tuple[Command, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            expected = len(self.columns) if row.failed is None else 0
            if len(row.labels) != len(self.label_names) or len(row.cells) != expected:
                raise ArgumentError(
                    f"row {row.labels!r} must have {len(self.label_names)} labels "
                    f"{self.label_names!r} and {expected} cells (one for each column, none if it "
                    f"failed); got {len(row.labels)} labels and {len(row.cells)} cells."
                )


def numbers(owner: str, name: str, values: ArrayLike, length: int | None = None) -> NDArray[Any]:
    """Values as a float64 array of shape (T,).

    Raises:
        ArgumentError: if they are no numbers in one row, or not `length` of them.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{owner}: {name} must be numbers; {error}.") from error
    if array.ndim != 1 or (length is not None and len(array) != length):
        shape = "(T,)" if length is None else f"({length},)"
        raise ArgumentError(f"{owner}: {name} must have shape {shape}, got {array.shape}.")
    return array
