"""Tables on narrow terminals: what is to be copied stays whole."""

from __future__ import annotations

import pytest
from rich.table import Table
from typer.testing import CliRunner

from inference.cli import app
from inference.cli.tables import counted, fits
from inference.cli.text import console
from inference.published.lines import lines
from ppl_models import list_pretrained


@pytest.mark.parametrize("width", [80, 100, 240])
def test_a_card_cuts_no_name_of_a_row(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_width", width)
    shown = CliRunner().invoke(app, ["show", "vae"], catch_exceptions=False).output
    rows = {line.result.row for line in lines(model="vae")}
    assert rows
    assert rows | set(list_pretrained(model="vae")) <= set(shown.replace(":", " ").split())
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= width


def test_a_table_fits_if_nothing_of_it_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_width", 60)
    narrow, wide, dots = Table("a", "b"), Table(*"abcdefgh"), Table("a", "b")
    narrow.add_row("one two", "three " * 20)
    wide.add_row(*["sixteen-letters-"] * 8)
    dots.add_row("1, 2, …", "and so on …")
    assert [fits(table) for table in (narrow, wide, dots)] == [True, False, True]


def test_one_is_no_plural() -> None:
    assert [counted(n, "row") for n in (0, 1, 1234)] == ["0 rows", "1 row", "1,234 rows"]
