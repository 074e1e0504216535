"""The weights that the package has: scored again, alike on both engines, and small enough.

`pretrained_rows.npz` holds the first 200 test rows of the data that they were scored on.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rows import ENGINES
from scoring import drawn_latents, log_densities

from benchmarks.pretrain import FEW_PARTICLES
from benchmarks.pretrain_score import Rows, score
from ppl_models import create, list_models, list_pretrained, pretrained_info
from ppl_models.datasets import list_datasets, observed_pixels

NAMES = list_pretrained()
HELD = np.load(Path(__file__).with_name("pretrained_rows.npz"))
MEGABYTE = 1_000_000


def rows_of(name: str) -> Rows:
    """What the pair of these weights takes: the first rows of its test split."""
    data = pretrained_info(name).recipe["data"]
    if data["name"] == "jsb":
        lengths = HELD["jsb_lengths"]
        bits = np.unpackbits(HELD["jsb"], axis=1).astype(np.float32)
        return Rows((bits.reshape(len(lengths), -1, 88), lengths))
    held = HELD[f"mnist_{data['binarisation']}"]
    if data["binarisation"] == "grey":
        return Rows((held.astype(np.float32) / np.float32(255),))
    x = np.unpackbits(held, axis=1).astype(np.float32)
    if "quadrants" in data:
        seen = observed_pixels((28, 28), data["quadrants"]).ravel()
        return Rows((x[:, ~seen], x[:, seen]))
    return Rows((x,), HELD["mnist_labels"].astype(np.int64))


@pytest.mark.parametrize("name", NAMES)
def test_they_score_as_recorded(name: str) -> None:
    """On Pyro, though NumPyro trained them.

    Draws of the model are others than the recorded ones; 6.4 is 4.5 deviations of a difference.
    """
    weights = pretrained_info(name)
    pair = create(weights.model, engine="pyro", pretrained=name)
    estimator, few = weights.recipe["score"]["estimator"], weights.result["few"]
    found = score(pair, rows_of(name), estimator, FEW_PARTICLES)
    wide = 6.4 if estimator == "kernel-distance" else 1.0
    assert abs(found.value - few["value"]) < wide * few["standard_error"]
    assert found.unit == few["unit"] == weights.result["unit"]


@pytest.mark.parametrize("name", NAMES)
def test_both_engines_have_the_same_densities(name: str) -> None:
    weights = pretrained_info(name)
    ours, theirs = (create(weights.model, engine=each, pretrained=name) for each in ENGINES)
    batch = tuple(array[:2] for array in rows_of(name).arrays)
    if weights.model == "semi_supervised_vae":
        batch = (*batch, np.array([3, -1]))
    z = drawn_latents(theirs, batch)
    for a, b in zip(log_densities(ours, batch, z), log_densities(theirs, batch, z), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_records_say_what_files_are(name: str) -> None:
    weights = pretrained_info(name)
    content = weights.path.with_suffix(".safetensors").read_bytes()
    assert hashlib.sha256(content).hexdigest() == weights.sha256
    assert weights.size == len(content) < 2 * MEGABYTE
    assert weights.model in list_models()
    data: dict[str, Any] = weights.recipe["data"]
    assert data["name"] in list_datasets()
    assert weights.result["data_id"].startswith(data["name"])
    assert weights.result["command"] == f"python -m benchmarks.pretrain {name}"
    assert weights.licence == "MIT"
    moved = abs(weights.result["value"] - weights.result["full_precision"])
    assert moved < (0.01 if weights.result["unit"].startswith("nats") else 0.5)


def test_all_together_are_small_and_none_is_without_its_record() -> None:
    assert NAMES
    files = sorted(pretrained_info(NAMES[0]).path.parent.glob("*.safetensors"))
    assert [file.stem for file in files] == NAMES
    assert sum(file.stat().st_size for file in files) < 20 * MEGABYTE
