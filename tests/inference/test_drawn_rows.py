"""Some rows are a sample of all rows, wherever they are asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from inference import ArgumentError, DataError, drawn_rows
from inference.cli import app
from inference.comparison.evaluation_rows import scored_id, scored_rows
from inference.comparison.spec_file import EXAMPLE, read_spec
from inference.published.row import Scored

SORTED = np.repeat(np.arange(10), 100)


class Sorted:
    """A data set whose test split is sorted by class."""

    test = SORTED[:, None].astype(np.float32)

    def arrays(self, split: str) -> tuple[np.ndarray, ...]:
        assert split == "test"
        return self.test, SORTED

    def data_id(self, split: str) -> str:
        return f"sorted/{split}"


def test_rows_of_a_sorted_file_are_of_all_classes() -> None:
    """A class of ten misses from 200 of 1,000 rows with a probability below 2e-10."""
    found, labels = drawn_rows((Sorted.test, SORTED), 200, seed=3)
    assert len(set(labels)) == 10
    assert (found[:, 0] == labels).all()  # rows stay together
    assert (np.diff(labels) >= 0).all()  # and in their order
    assert (drawn_rows(SORTED, 200, seed=3) == labels).all()
    assert (drawn_rows(SORTED, 200, seed=4) != labels).any()


def test_no_row_comes_twice_and_all_are_all() -> None:
    assert len(set(drawn_rows(np.arange(50), 49, seed=1))) == 49
    for rows in (None, 50, 60):
        assert drawn_rows(np.arange(50), rows).tolist() == list(range(50))


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ArgumentError, match="rows must be a whole number"):
        drawn_rows(SORTED, 0)
    with pytest.raises(ArgumentError, match="seed"):
        drawn_rows(SORTED, 5, seed=-1)
    with pytest.raises(DataError, match="as many rows each; got 1000, 3"):
        drawn_rows((SORTED, SORTED[:3]), 2)


def test_comparisons_and_published_rows_draw_them_too() -> None:
    data = Sorted()
    _, labels = scored_rows(data, None, 200, 5)
    assert len(set(labels)) == 10
    assert scored_id(data, None, 200, 5) == "sorted/test, 200 of 1,000, drawn by seed 5"
    assert scored_id(data, None, None, 5) == "sorted/test"
    assert scored_id(data, data.test, 7, 5) != scored_id(data, data.test, 7, 6)
    assert len(set(Scored(rows=200).of(data)[1])) == 10
    assert set(Scored(rows=200, rows_seed=None).of(data)[1]) == {0, 1}
    assert str(Scored(rows=2000, rows_seed=None)) == "first 2,000 of test"


def test_the_old_word_says_the_new_one() -> None:
    answer = CliRunner().invoke(app, ["evaluate", "somewhere", "--first", "20"])
    assert answer.exit_code == 2
    assert answer.stderr.startswith("error: --first is now --rows: so many rows drawn by --rows-")
    assert "--first" not in CliRunner().invoke(app, ["evaluate", "--help"]).stdout


def test_a_comparison_reads_the_new_word(tmp_path: Path) -> None:
    file = tmp_path / "spec.toml"
    file.write_text(EXAMPLE)
    assert read_spec(file).arguments["rows"] == 200
    file.write_text(EXAMPLE.replace("rows =", "first ="))
    with pytest.raises(ArgumentError, match="first is now rows: so many rows drawn by rows_seed"):
        read_spec(file)
