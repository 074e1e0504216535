"""The command line on pairs that take labels, quadrants or lengths beside their data."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat
from typer.testing import CliRunner

from inference import load_run, log_likelihood
from inference.cli import app
from inference.comparison.commands import _OPTIONS, train_command

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
    words = ["--particles", 3, "--rows", 20, "--every", 2, "--figures", pictures]
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


def test_options_of_a_data_set_are_repeated_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = np.random.default_rng(0).integers(256, size=(560, 1965)).astype(np.uint8)
    (tmp_path / "frey_face").mkdir()
    savemat(tmp_path / "frey_face" / "frey_rawface.mat", {"ff": faces})
    monkeypatch.setenv("PPL_DATA", str(tmp_path))
    data = ["--data", "frey_face", "--data-option", "fold=3"]
    real = ["--set", "likelihood=gaussian"]
    succeed("train", "vae", *data, *real, "--engine", "pyro", *SMALL, "--out", tmp_path / "run")
    run = load_run(tmp_path / "run")
    assert "frey_face+fold=3/train" in run.spec["data"]["id"]
    command = train_command(run.spec, None) or ""
    assert "--data frey_face --data-option fold=3" in command
    printed = succeed("evaluate", tmp_path / "run", "--particles", 2, "--rows", 5)
    assert "frey_face+fold=3/test" in printed.replace("\n", "")
    result = invoke("train", "vae", "--data", "frey_face", "--data-option", "fold", "--steps", 1)
    assert result.exit_code == 2
    assert "--data-option must be KEY=VALUE" in result.stderr
    result = invoke("train", "vae", "--data-option", "folds=1", "--steps", 1)
    assert "no option 'folds'" in result.stderr


def test_lengths_that_a_data_set_always_has_are_no_option() -> None:
    spec = {
        "pair": {
            "engine": "pyro",
            "class": "ppl_models.directed.deep_markov:DeepMarkov",
            "hyperparameters": {},
        },
        "training": dict.fromkeys(("optimizer", "schedule", *_OPTIONS)),
        "data": {"id": "sequences+lengths/train/static/0123456789ab"},
        "objective": "elbo",
        "budget": {"steps": 1},
    }
    command = train_command(spec, None)
    assert command is not None
    assert "--lengths" not in command
    spec["data"] = {"id": "muse+lengths,length=50/train/static/0123456789ab"}
    assert "--data muse --data-option length=50" in (train_command(spec, None) or "")


@pytest.mark.parametrize(
    ("model", "data", "settings", "decided"),
    [
        ("lda", "bars", ["topics=2", "hidden=4"], {"data_size": 1000, "data_dim": 25}),
        ("recurrent", "sequences", ["hidden_dim=4"], {"length": 24, "data_dim": 16}),
        ("random_effects", "eight_schools", [], {"data_size": None}),
    ],
)
def test_the_data_decide_how_long_and_how_many_rows_are(
    model: str, data: str, settings: list[str], decided: dict[str, int], tmp_path: Path
) -> None:
    own = [word for each in settings for word in ("--set", each)]
    run = tmp_path / "run"
    succeed("train", model, "--engine", "pyro", "--data", data, *own, "--steps", 1, "--out", run)
    made = load_run(run).pair.hyperparameters
    assert {name: made[name] for name in decided} == decided


def test_a_table_of_symbols_has_a_step_in_each_column(tmp_path: Path) -> None:
    """Of what a pair takes a symbol at a time, such as `hmm`; log p is over all columns."""
    table, run = tmp_path / "rows.csv", tmp_path / "run"
    symbols = np.random.default_rng(0).integers(0, 3, (30, 5))
    np.savetxt(table, symbols, "%d", ",", header="a,b,c,d,e", comments="")
    asked = ["--engine", "pyro", "--set", "states=2", "--set", "symbols=3", "--steps", 1]
    succeed("train", "hmm", *asked, "--data", table, "--out", run)
    made = load_run(run).pair
    assert made.data_shape == (5,)
    rows = np.array(list(itertools.product(range(3), repeat=5)), dtype=np.float32)
    exact = log_likelihood(made, rows, method="exact")
    assert np.exp(exact.per_datum).sum() == pytest.approx(1, abs=1e-5)
