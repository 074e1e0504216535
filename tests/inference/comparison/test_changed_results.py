"""What comparisons and reproductions keep is read as it was written, or found anew, or refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from inference import ArgumentError, RunFolderError, compare
from inference.comparison.chains import sampled
from inference.published.reading import read_rows
from inference.published.reproduce import _known
from inference.published.result import RESULTS, read_results
from inference.published.same_models import read_same
from inference.training.reading import sealed
from ppl_models import create

X = (np.random.default_rng(0).random((20, 4)) < 0.5).astype(np.float32)


def test_a_changed_figure_is_found_again(tmp_path: Path) -> None:
    pair = create("ppca", engine="pyro", data_dim=4, latent_dim=1)
    asked: dict[str, Any] = {
        "budget": {"steps": 1},
        "metrics": ["bound"],
        "out": tmp_path,
        "test": X,
    }

    def bound() -> float:
        found = compare({"p": pair}, {"e": "elbo"}, X, progress=False, **asked)
        return found.frame["bound"].item()

    found = bound()
    (kept,) = (each for each in tmp_path.rglob("*.json") if "figures" in each.read_text())
    plain = json.loads(kept.read_text())
    plain["figures"]["bound"]["value"] = 0.5
    for changed in (plain, {key: each for key, each in plain.items() if key != "sha256"}):
        kept.write_text(json.dumps(changed))
        assert bound() == found


def test_chains_are_those_that_were_drawn(tmp_path: Path) -> None:
    draws = {"z": np.zeros((2, 5), np.float32)}
    statistics = {"diverging": np.zeros((2, 5), bool)}
    drawn = SimpleNamespace(draws=draws, statistics=statistics, seconds=1.0)
    sampler: Any = SimpleNamespace(sample=lambda *_, **__: drawn)
    assert sampled(sampler, None, (X,), 0, tmp_path, "a").draws["z"].shape == (2, 5)
    for name in ("chains.json", "chains.safetensors"):
        path = tmp_path / name
        before = path.read_bytes()
        for after in (
            before[:-1] + b"\1",
            b"",
            b"[" * 100_000,
            before.replace(b"1.0", b"2.0") + b" ",
        ):
            path.write_bytes(after)
            with pytest.raises(RunFolderError, match="no whole chains"):
                sampled(sampler, None, (X,), 0, tmp_path, "a")
        path.write_bytes(before)


def test_kept_figures_are_those_that_were_found(tmp_path: Path) -> None:
    kept = tmp_path / "0.json"
    assert _known(kept) == {"figures": {}}
    kept.write_bytes(sealed({"figures": {"a": {"value": 1.0, "error": None, "note": ""}}}))
    assert _known(kept)["figures"]["a"]["value"] == 1.0
    other = kept.read_bytes().replace(b"1.0", b"2.0")
    for changed in (other, b"{", b"[" * 100_000, b'{"figures": 3}'):
        kept.write_bytes(changed)
        with pytest.raises(RunFolderError, match="holds no figures as they were"):
            _known(kept)


HEAD, LINE = RESULTS.read_text(encoding="utf-8").splitlines()[:2]


@pytest.mark.parametrize(
    "content",
    [
        f"{HEAD}\n{LINE[: len(LINE) // 2]}".encode(),
        f"{HEAD}\n".encode() + b"\xff\xfe",
        f"{HEAD}\n".encode() + b'"' + b"x" * 200_000,
        f"{HEAD}\n{LINE.replace(',', chr(10))}".encode(),
        f"{HEAD}\n{LINE},more,cells".encode(),
    ],
    ids=["half a line", "no text", "an endless cell", "lines", "more cells"],
)
def test_results_that_are_none_are_said(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_bytes(content)
    with pytest.raises(ArgumentError, match="is no result") as caught:
        read_results(path)
    assert str(path) in str(caught.value)


def test_a_figure_that_is_not_finite_is_no_result(tmp_path: Path) -> None:
    names, cells = HEAD.split(","), LINE.split(",")
    path = tmp_path / "results.csv"
    cells[names.index("ours")] = "nan"  # no cell before it has a comma
    path.write_text(f"{HEAD}\n{','.join(cells)}\n")
    with pytest.raises(ArgumentError, match="is no result"):
        read_results(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    for name in ("results.csv", "same_models.csv", "row.toml"):
        os.mkfifo(tmp_path / name)
    for read in (read_results, read_same):
        with pytest.raises(ArgumentError, match="regular file"):
            read(tmp_path / ("results.csv" if read is read_results else "same_models.csv"))
    with pytest.raises(ArgumentError, match="regular file"):
        read_rows(tmp_path)
    with pytest.raises(ArgumentError, match="no folder of rows"):
        read_rows(tmp_path / "nowhere")
