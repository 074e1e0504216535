"""The command line on pairs that take labels, quadrants or lengths beside their data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from inference.cli import app

SMALL = ["--set", "hidden=8", "--set", "latent_dim=2", "--steps", "2"]


def invoke(*words: Any) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def succeed(*words: Any) -> str:
    result = invoke(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize(
    ("model", "options", "stated"),
    [
        ("semi_supervised_vae", ["--labels", "50", "--label-seed", "2"], "labels=50,label_seed=2"),
        ("conditional_vae", ["--labels", "all"], "labels=all"),
        ("conditional_vae", ["--quadrants", "2", "--bias-from-data"], "quadrants=2"),
    ],
)
def test_train_and_evaluate(model: str, options: list[str], stated: str, tmp_path: Path) -> None:
    run, pictures = tmp_path / "run", tmp_path / "pictures"
    objective = ["--objective", "enumerated"] if "semi" in model else []
    succeed("train", model, *options, *objective, *SMALL, "--out", run)
    words = ["--particles", 3, "--first", 20, "--every", 2, "--figures", pictures]
    printed = succeed("evaluate", run, *words)
    assert f"digits+{stated}/test" in printed.replace("\n", "")
    assert "20 of " in printed
    drawn = {path.stem for path in pictures.iterdir()}
    whole = {"learning_curve", "samples", "reconstructions"}
    assert drawn == ({"learning_curve"} if "quadrants" in stated else whole)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["vae", "--labels", "few"], "--labels must be all or a count such as 100; got 'few'"),
        (["vae", "--labels", "7"], "multiple of the 10 classes"),
        (["vae", "--labels", "10", "--quadrants", "1"], "labels or quadrants, not both"),
        (["conditional_vae", "--set", "classes=10"], "y is missing: this pair is p(x | y)"),
        (["conditional_vae", "--quadrants", "1", "--set", "condition_dim=5"], "5"),
    ],
)
def test_what_does_not_fit_is_a_sentence(words: list[str], message: str, tmp_path: Path) -> None:
    result = invoke("train", *words, "--steps", 1, "--out", tmp_path / "run")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert message in result.stderr.replace("\n", " ")
    assert not (tmp_path / "run").exists()
