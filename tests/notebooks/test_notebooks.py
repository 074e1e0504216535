"""Notebooks run from top to bottom, and the executed copy belongs to its source."""

from __future__ import annotations

from pathlib import Path

import jupytext
import matplotlib.font_manager  # noqa: F401  # a new machine's list of fonts; a kernel says that it makes it
import nbformat
import pytest
from drift import drifted
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "notebooks"
SOURCES = sorted(FOLDER.glob("*.py"))
PICTURES = {
    "compare_objectives": 1,
    "first_fit": 5,
    "first_pair": 3,
    "fit_here_predict_there": 0,
    "from_rbm_to_dbm": 5,
    "global_and_local": 0,
    "my_own_data": 0,
    "same_generator_many_objectives": 2,
    "what_does_a_distance_see": 2,
    "what_does_a_latent_buy": 1,
    "which_objective": 0,
    "why_did_my_guide_get_worse": 1,
    "why_training_is_unstable": 3,
}
# Enough steps for what is asked here, that every cell runs and draws without a warning.
SHORTER = {
    "compare_objectives": {'"steps": 600': '"steps": 200'},
    "first_fit": {"epochs=600": "epochs=60"},
    "first_pair": {"epochs=40": "epochs=20", '"epochs": 30': '"epochs": 15'},
    "from_rbm_to_dbm": {
        "epochs=80": "epochs=10",
        "epochs=40": "epochs=5",
        "num_temperatures=500": "num_temperatures=50",
        'num_temperatures": 500': 'num_temperatures": 50',
    },
    "same_generator_many_objectives": {"steps=800": "steps=200"},
    "what_does_a_latent_buy": {'"steps": 1500': '"steps": 60', "(1, 50, 1000)": "(1, 2, 5)"},
    "why_training_is_unstable": {"steps=1200": "steps=200"},
    "why_did_my_guide_get_worse": {"steps=1000": "steps=200", "steps=400": "steps=100"},
}


def test_there_are_notebooks() -> None:
    assert [path.stem for path in SOURCES] == list(PICTURES)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_notebook_runs(source: Path) -> None:
    text = source.read_text()
    for long, short in SHORTER.get(source.stem, {}).items():
        assert long in text
        text = text.replace(long, short)
    notebook = jupytext.reads(text, fmt="py:percent")
    NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
    drawn = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(drawn) == PICTURES[source.stem]
    committed = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    assert drifted(committed.cells, notebook.cells, jupytext.read(source).cells) == []
    warned = [o for c in notebook.cells for o in c.get("outputs", []) if o.get("name") == "stderr"]
    assert warned == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_executed_copy_is_of_this_source(source: Path) -> None:
    executed = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    plain = [(cell.cell_type, cell.source) for cell in jupytext.read(source).cells]
    assert [(cell.cell_type, cell.source) for cell in executed.cells] == plain
    assert all(cell.execution_count for cell in executed.cells if cell.cell_type == "code")
    assert str(Path.home()) not in source.with_suffix(".ipynb").read_text()
