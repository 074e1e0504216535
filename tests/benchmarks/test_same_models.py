"""A model that was rewritten, beside the one that a figure was made of."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from rows import ENGINES

import ppl_models
from benchmarks.same_models.compared import compared, numbers, write_call


@pytest.mark.parametrize("engine", ENGINES)
def test_a_changed_constant_is_found_and_moved_code_is_not(engine: str, tmp_path: Path) -> None:
    rows = (np.random.default_rng(0).normal(size=(4, 3)).astype("float32"),)
    settings = {"data_dim": 3, "latent_dim": 1, "seed": 0}
    given = tmp_path / "call.npz"
    write_call(given, "ppca", engine, settings, rows)
    found = {}
    for name, new in (("same", "weight.T + 0 + "), ("changed", "weight.T + 1 + ")):
        tree = tmp_path / name
        shutil.copytree(Path(ppl_models.__file__).parent, tree / "ppl_models")
        for file in ("ppca.py", "ppca_numpyro.py"):
            path = tree / "ppl_models" / "directed" / file
            path.write_text(path.read_text().replace("weight.T + ", new))
        (found[name],) = numbers(tree, [given], tree)
    write_call(wrong := tmp_path / "wrong.npz", "ppca", engine, {"data_dims": 3}, rows)
    here, failed = numbers(Path(ppl_models.__file__).parents[1], [given, wrong], tmp_path)
    assert compared(here, failed).startswith("now: TypeError: ")
    assert compared(here, found["same"]) == ""
    assert "model x density" in compared(here, found["changed"])
    renamed = {f"the {name}": value for name, value in here.items()}
    assert compared(here, renamed) == ""
    renamed.popitem()
    assert "arrays then" in compared(here, renamed)
