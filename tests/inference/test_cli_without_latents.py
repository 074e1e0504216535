"""Models without latents on the command line: pictures, and densities known up to a constant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from inference import bound_parts, drawn_rows, load_run
from inference.cli import app
from inference.errors import ArgumentError
from ppl_models.datasets import load

SMALL = ["--data", "digits", "--engine", "pyro", "--steps", "2", "--batch-size", "50"]


def succeed(*words: Any) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "300"})
    assert done.exit_code == 0, done.output
    return done.output


def test_pictures_leave_out_what_needs_latents(tmp_path: Path) -> None:
    run, pictures = tmp_path / "run", tmp_path / "pictures"
    succeed("train", "nade", *SMALL, "--set", "hidden_dim=3", "--out", run)
    succeed("evaluate", run, "--rows", 8, "--figures", pictures)
    assert {path.stem for path in pictures.iterdir()} == {"learning_curve", "samples"}
    with pytest.raises(ArgumentError, match="this pair has none"):
        load_run(run).reconstruct(load("digits").test[:2])


def test_annealed_scores_of_a_density_known_up_to_a_constant(tmp_path: Path) -> None:
    """Its 64 x 3 units hardly differ from independent ones: annealing errs by less than 0.05."""
    run = tmp_path / "run"
    options = ["--set", "hidden_dim=3", "--set", "burn_in=5", "--objective", "cd"]
    succeed("train", "rbm", *SMALL, *options, "--out", run)
    found = {}
    for method in ("exact", "ais", "raise"):
        chains = [] if method == "exact" else ["--chains", 20, "--temperatures", 50]
        printed = succeed("evaluate", run, "--method", method, *chains, "--rows", 8)
        (line,) = (line for line in printed.splitlines() if "mean log-likelihood" in line)
        found[method] = float(line.split("nats")[0].strip(" │").split()[-1])
    assert found["ais"] == pytest.approx(found["exact"], abs=0.05)
    assert found["raise"] == pytest.approx(found["exact"], abs=0.05)


def test_a_run_without_a_likelihood_is_scored_by_what_there_is(tmp_path: Path) -> None:
    """A point of a discrete latent has a bound and no likelihood; globals have neither."""
    run = tmp_path / "points"
    succeed("train", "vqvae", *SMALL, "--set", "hidden=4", "--out", run)
    words = ["evaluate", run, "--rows", 8, "--particles", 5, "--json"]
    found = json.loads(succeed(*words).partition("\n}")[0] + "}")
    x = drawn_rows(load("digits").test, 8)
    expected = bound_parts(load_run(run), x, num_particles=5).elbo.mean
    assert found["mean"] is None
    assert "one value of a discrete latent" in found["why"]
    assert found["others"]["bound"]["mean"] == pytest.approx(expected, rel=1e-5)
    assert {"mmd", "training_bound", "validation_bound"} <= found["others"].keys()
    refused = CliRunner().invoke(app, [*map(str, words), "--method", "iw"])
    assert refused.exit_code == 2

    run = tmp_path / "globals"
    small = ["--data", "ring", *SMALL[2:], "--set", "components=2"]
    succeed("train", "bayesian_mixture", *small, "--out", run)
    said = succeed("evaluate", run, "--rows", 8)
    assert "No log-likelihood: log_likelihood scores one datum at a time" in said
    assert "squared MMD of draws and rows" in said
    assert "ELBO on these rows" not in said
