"""Weights are made from a recipe, and made anew from their record."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from benchmarks.pretrain import main
from benchmarks.pretrain_score import Rows, score
from inference import log_likelihood
from ppl_models import create, pretrained_info
from ppl_models.datasets import load

RECIPE = """model = "vae"
engine = "numpyro"
objective = "elbo"
seed = 0
licence = "MIT"

[options]
data_dim = 64
latent_dim = 2
hidden = [6]

[data]
name = "digits"
binarisation = "dynamic"
seed = 0

[training]
steps = 60
batch_size = 50
learning_rate = 0.01
start_at_mean = true

[score]
estimator = "iw"
num_particles = 20
rows = 250
"""


def test_a_record_is_made_and_made_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = tmp_path / "digits-small.toml"
    record.write_text(RECIPE)
    main(str(record), tmp_path / "runs")
    weights = pretrained_info(record)
    assert record.read_text().startswith(RECIPE)
    assert weights.hyperparameters["activation"] == "tanh"  # a default then, stated for later
    assert weights.result["command"] == "python -m benchmarks.pretrain digits-small"
    assert weights.dtype == "float16"
    assert "digits-small: " in capsys.readouterr().out

    data = load("digits", seed=0)
    assert weights.result["data_id"] == str(data.data_id("test"))
    pair = create("vae", engine="numpyro", pretrained=record)
    again = log_likelihood(pair, data.test[:250], 20)
    assert again.mean == pytest.approx(weights.result["value"], abs=1e-3)
    assert again.standard_error == pytest.approx(weights.result["standard_error"], abs=1e-3)
    fresh = log_likelihood(create("vae", data_dim=64, latent_dim=2, hidden=(6,)), data.test, 20)
    assert again.mean > fresh.mean + 5

    facts, content = tomllib.loads(record.read_text()), record.with_suffix(".safetensors")
    before = content.read_bytes()
    content.unlink()
    main(str(record), tmp_path / "runs")
    assert content.read_bytes() == before
    after = tomllib.loads(record.read_text())
    assert after["file"] == facts["file"]
    assert after["result"]["value"] == facts["result"]["value"]


def test_an_unknown_estimator_is_refused() -> None:
    with pytest.raises(ValueError, match="no estimator 'guess'"):
        score(None, Rows((np.zeros((2, 3)),)), "guess")
