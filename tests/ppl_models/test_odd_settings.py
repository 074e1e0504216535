"""Settings of pairs, data sets and weights that mean nothing are refused by their own names."""

from __future__ import annotations

import hashlib
import inspect
import re
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
from rows import ROWS
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save

from inference.engines import load_engine
from ppl_models import create
from ppl_models._pretrained import FOLDER
from ppl_models.datasets import load, observed_pixels


class Raising:
    def __iter__(self) -> Any:
        raise RuntimeError("not open")


PAIRS: dict[str, tuple[str, dict[str, Any], str]] = {
    "a mock": ("vae", {"hidden": MagicMock()}, "hidden must be a sequence"),
    "bytes": ("vae", {"hidden": bytearray(b"ab")}, "hidden must be a sequence"),
    "raises": ("vae", {"hidden": Raising()}, "hidden cannot be gone through: .* not open"),
    "zero in single precision": ("bayesian_regression", {"spread": 1e-50}, "spread must be at"),
    "the name of a part": ("dbn", {"top_mean": "words"}, "top_mean must be an array"),
    "words": ("hmm", {"initial": "words"}, "initial must be an array of numbers"),
    "several": ("hmm", {"emissions": np.zeros(3)}, "emissions must be one of"),
    "noise": ("glow", {"noise_length": 0}, "noise_length must be a whole number"),
    "noise's": ("glow", {"noise_hidden": 3}, "noise_hidden must be a sequence"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_settings_of_pairs(name: str) -> None:
    model, settings, words = PAIRS[name]
    with pytest.raises(ValueError, match=words):
        create(model, engine="pyro", **settings)


def test_a_large_whole_number_is_a_number() -> None:
    assert create("bayesian_regression", engine="pyro", spread=2**64)


def test_a_whole_number_is_as_good_as_a_real_one() -> None:
    """Every setting that is a real number, of every pair: its draws are those of the same float."""
    for row in ROWS.values():
        usual = inspect.signature(type(create(row.model, engine="pyro", **row.hyperparameters)))
        reals = [name for name, each in usual.parameters.items() if each.annotation == "float"]
        given = row.batch(3)[1:]
        for name in set(reals) - {"margin"}:  # which is below a half
            draws = [
                load_engine("pyro").draw(
                    create(row.model, engine="pyro", **{**row.hyperparameters, name: one}),
                    3,
                    0,
                    *given,
                )[1]
                for one in (1, 1.0)
            ]
            np.testing.assert_array_equal(*draws, err_msg=f"{row.model} {name}")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"label_seed": -1}, "label_seed must be a whole number"),
        ({"label_seed": np.nan, "labels": 100}, "label_seed must be a whole number"),
        ({"quadrants": 2.0}, "quadrants must be 1, 2 or 3"),
        ({"seed": Raising()}, "seed must be a whole number"),
    ],
)
def test_options_of_data_sets(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        load("digits", **options)


def test_odd_shapes_and_concentrations() -> None:
    shape: Any = 5
    with pytest.raises(ValueError, match="image_shape must be"):
        observed_pixels(shape, 1)
    with pytest.raises(ValueError, match="concentration must be positive"):
        load("bars", concentration=np.inf)


def test_a_path_is_a_name_of_a_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", train=np.zeros((40, 3)))
    assert load(tmp_path / "a.npz").train.shape == (32, 3)


@pytest.mark.parametrize("damage", ["no tensors", "NaN", "too large"])
def test_weights_of_ones_own_that_hold_something_else(damage: str, tmp_path: Path) -> None:
    """Their record has the right hash, so that nothing but the values tells."""
    record = FOLDER / "mnist-elbo.toml"
    values = load_tensors(record.with_suffix(".safetensors").read_bytes())
    factor = {"NaN": np.nan, "too large": 1e300}.get(damage, 1.0)
    content = save({name: factor * np.ones(v.shape) for name, v in values.items()})
    content = content[:-10] if damage == "no tensors" else content
    text = re.sub(
        r'sha256 = "\w+"', f'sha256 = "{hashlib.sha256(content).hexdigest()}"', record.read_text()
    )
    (tmp_path / "own.toml").write_text(text)
    (tmp_path / "own.safetensors").write_bytes(content)
    words = "is no file of safetensors" if damage == "no tensors" else "NaN or infinite"
    with pytest.raises(ValueError, match=f"own.safetensors.*{words}"):
        create("vae", engine="pyro", pretrained=tmp_path / "own.toml")
