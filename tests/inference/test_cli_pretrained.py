"""`ppl-zoo show` lists weights, and `ppl-zoo train --pretrained` begins with them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from safetensors.numpy import save
from typer.testing import CliRunner

from inference import load_run
from inference.cli import app
from inference.cli.text import console
from inference.comparison.commands import train_command
from ppl_models import create, list_pretrained

RECORD = """model = "vae"
engine = "pyro"
objective = "elbo"
seed = 0
licence = "MIT"

[file]
sha256 = "{sha256}"
bytes = 1
dtype = "float32"

[hyperparameters]
data_dim = 64
latent_dim = 2
hidden = [6]

[result]
value = 0.0
"""


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_width", 300)


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """Weights that nobody trained, for the 64 pixels of `digits`."""
    own = create("vae", engine="pyro", data_dim=64, latent_dim=2, hidden=(6,), seed=5)
    content = save({name: value + 0.25 for name, value in own.get_weights().items()})
    path = tmp_path / "small.toml"
    path.with_suffix(".safetensors").write_bytes(content)
    path.write_text(RECORD.format(sha256=hashlib.sha256(content).hexdigest()))
    return path


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.output


def test_show_lists_them() -> None:
    code, text = run("show", "vae")
    assert code == 0
    assert list_pretrained(model="vae")
    for name in list_pretrained(model="vae"):
        (line,) = (line for line in text.splitlines() if f" {name} " in line)
        for words in ("nats per datum", "mnist/test/dynamic/seed=0/", " MB", "MIT"):
            assert words in line
    assert "No weights are shipped for this model." in run("show", "ppca")[1]


def test_train_begins_with_them_and_says_so(record: Path, tmp_path: Path) -> None:
    words = ("--engine", "pyro", "--pretrained", record, "--steps", 2, "--learning-rate", 1e-4)
    code, text = run("train", "vae", *words, "--out", tmp_path / "run")
    assert code == 0, text
    found = load_run(tmp_path / "run")
    begun = create("vae", engine="pyro", pretrained=record).get_weights()
    for name, value in found.pair.get_weights().items():
        assert abs(value - begun[name]).max() < 1e-3
    command = train_command(found.spec, None)
    assert command is not None
    assert f"--pretrained {record}" in command


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--pretrained", "mnist-iwae"), "no weights 'mnist-iwae' of 'vae'. Did you mean"),
        (("--pretrained", "mnist-iwae5"), "data_dim is 64, but the weights 'mnist-iwae5' are of"),
    ],
)
def test_other_names_and_other_data_are_refused(words: tuple[str, ...], said: str) -> None:
    code, text = run("train", "vae", *words, "--steps", 1)
    assert code == 2
    assert said in " ".join(text.split())
    assert "--set was refused" not in text
