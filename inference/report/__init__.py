"""A comparison as one HTML file that opens from disk, without a network."""

from inference.report.content import (
    Cell,
    Column,
    Command,
    Content,
    Curve,
    Plot,
    Row,
    Scatter,
    Series,
    Sheet,
)
from inference.report.page import render, write_report

__all__ = [
    "Cell",
    "Column",
    "Command",
    "Content",
    "Curve",
    "Plot",
    "Row",
    "Scatter",
    "Series",
    "Sheet",
    "render",
    "write_report",
]
