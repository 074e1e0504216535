"""Cards show the results as they are, and every result is about something that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.published.lines import lines, results
from inference.published.result import RESULTS, read_results
from inference.published.row import FOLDER
from inference.published.tables import BEGIN, END, found_for, written_into
from ppl_models import list_models

ROOT = Path(__file__).parents[3]
CARDS = sorted((ROOT / "ppl_models" / "cards").glob("*.md"))
TEXTS = [*CARDS, ROOT / "README.md"]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_tables_are_those_of_the_results(path):
    text = path.read_text(encoding="utf-8")
    assert (BEGIN in text) == (END in text)
    assert written_into(text, found_for(path)) == text, (
        f"{path.name} is behind results.csv, a row or a model's file; write it anew: "
        f"python -m inference.published.tables {path.relative_to(ROOT)}"
    )


def test_every_result_is_shown_on_a_card():
    marked = {path.stem for path in CARDS if BEGIN in path.read_text(encoding="utf-8")}
    assert {result.model for result in read_results()} <= marked


def test_results_are_about_rows_and_models_that_are_there():
    """A figure whose model was changed since is marked; one about nothing is a mistake."""
    found = results()
    assert len(found) > 100
    assert set(found["stale"]) <= {"", "model changed since"}
    assert set(found["model"]) <= set(list_models())
    assert (found["binarisation"] == found["data_id"].str.split("/").str[2]).all()
    assert found["commit"].str.fullmatch(r"[0-9a-f]{7}\+?").all()
    assert found["versions"].str.contains("numpyro").all()
    assert (found["command"].str.startswith("ppl-zoo reproduce ")).all()


def test_what_is_from_memory_says_so():
    shown = [
        line for line in lines() if line.asked is not None and line.asked.published is not None
    ]
    memory = [str(x.asked.published) for x in shown if x.asked.published.known == "memory"]  # pyright: ignore[reportOptionalMemberAccess]
    assert memory
    assert all("from memory" in text for text in memory)


def test_a_wheel_holds_a_copy():
    """What setuptools packs is found through the link."""
    folder = ROOT / "inference" / "published" / "rows"
    assert folder == FOLDER
    assert folder.resolve() == ROOT / "benchmarks" / "published"
    assert RESULTS.exists()
    packed = (ROOT / "pyproject.toml").read_text()
    assert '"published/rows/*"' in packed
