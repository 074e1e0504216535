"""Weights that pairs begin with: records, hashes, both engines, and training that goes on."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rows import ENGINES, ROWS
from safetensors.numpy import load, save
from scoring import drawn_latents, log_densities

import ppl_models._pretrained as pretrained
from inference import ELBO, fit, load_run, log_likelihood
from ppl_models import Weights, create, list_pretrained, pretrained_info

SMALL: dict[str, Any] = {"data_dim": 12, "latent_dim": 3, "hidden": [7, 5]}
X = ROWS["vae"].batch(30)
ALIKE = [name for name, row in ROWS.items() if not row.parity]

RECORD = """
model = "vae"
engine = "numpyro"
objective = "elbo"
seed = 0
licence = "MIT"

[file]
sha256 = "{sha256}"
bytes = {bytes}
dtype = "float32"
{more}
[hyperparameters]
data_dim = 12
latent_dim = 3
hidden = [7, 5]

[result]
value = -7.5
standard_error = 0.5
unit = "nats per datum, higher is better"
estimator = "iw, K=10"
rows = 30
data_id = "toy/test/static/0123456789ab"
command = "python -m benchmarks.pretrain toy"
"""


def written(folder: Path, content: bytes, *, beside: bool = True, more: str = "") -> Path:
    """A record and its file of values."""
    folder.mkdir(exist_ok=True)
    record = folder / "toy.toml"
    sha256 = hashlib.sha256(content).hexdigest()
    record.write_text(RECORD.format(sha256=sha256, bytes=len(content), more=more))
    if beside:
        record.with_suffix(".safetensors").write_bytes(content)
    return record


@pytest.fixture(scope="module")
def values() -> dict[str, np.ndarray]:
    """Values of the small pair, none of which is its initial one."""
    own = create("vae", engine="pyro", **SMALL).get_weights()
    random = np.random.default_rng(3)
    return {n: v + random.normal(0, 0.3, v.shape).astype(np.float32) for n, v in own.items()}


@pytest.fixture(scope="module")
def content(values: dict[str, np.ndarray]) -> bytes:
    return save(values)


@pytest.fixture
def record(tmp_path: Path, content: bytes) -> Path:
    return written(tmp_path / "mine", content)


@pytest.fixture
def shipped(record: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The record among those of the package."""
    monkeypatch.setattr(pretrained, "FOLDER", record.parent)
    return record.stem


@pytest.mark.parametrize("engine", ENGINES)
def test_a_pair_begins_with_the_values_of_the_file(
    engine: str, record: Path, values: dict[str, np.ndarray]
) -> None:
    pair = create("vae", engine=engine, pretrained=record)
    found = pair.get_weights()
    assert found.keys() == values.keys()
    for name, value in values.items():
        np.testing.assert_array_equal(found[name], value)
    assert pair.hyperparameters["hidden"] == [7, 5]
    assert pair.pretrained == f"{record}#{pretrained_info(record).sha256}"
    assert create("vae", engine=engine, **SMALL).pretrained is None


def test_both_engines_have_the_same_densities(record: Path) -> None:
    ours, theirs = (create("vae", engine=engine, pretrained=record) for engine in ENGINES)
    z = drawn_latents(ours, X)
    for a, b in zip(log_densities(ours, X, z), log_densities(theirs, X, z), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    other = log_densities(create("vae", engine="numpyro", **SMALL), X, z)
    assert (other[0] != log_densities(ours, X, z)[0]).all()


@pytest.mark.parametrize("row", ALIKE)
def test_siblings_have_the_same_names_and_take_each_others_values(row: str) -> None:
    """That equal values give equal densities on both engines is held by `test_pairs.py`."""
    settings = ROWS[row].hyperparameters
    theirs = create(ROWS[row].model, engine="pyro", seed=1, **settings)
    ours = create(ROWS[row].model, engine="numpyro", seed=2, **settings)
    random = np.random.default_rng(1)
    moved = {
        name: (value + random.normal(size=value.shape)).astype(np.float32)
        for name, value in theirs.get_weights().items()
    }
    for pair in (ours, theirs):
        pair.set_weights(moved)
        found = pair.get_weights()
        assert found.keys() == moved.keys()
        for name, value in found.items():
            np.testing.assert_array_equal(value, moved[name], err_msg=name)


@pytest.mark.parametrize("engine", ENGINES)
def test_fit_goes_on_from_them(engine: str, record: Path, tmp_path: Path) -> None:
    """One tiny step stays near the loaded values, and the run says what it began with."""
    pair = create("vae", engine=engine, pretrained=record)
    loaded = pair.get_weights()
    run = fit(
        pair, X, objective=ELBO(), steps=1, learning_rate=1e-4, progress=False, out=tmp_path / "run"
    )
    fitted = run.pair.get_weights()
    for name, value in loaded.items():
        np.testing.assert_allclose(fitted[name], value, atol=2e-4)
    assert any((fitted[name] != value).any() for name, value in loaded.items())
    assert run.spec["pair"]["pretrained"] == pair.pretrained
    back = load_run(tmp_path / "run").pair.get_weights()
    for name, value in fitted.items():
        np.testing.assert_array_equal(back[name], value)
    for name, value in pair.get_weights().items():  # what was passed in stays as it was
        np.testing.assert_array_equal(value, loaded[name])


def test_they_score_at_once(record: Path) -> None:
    found = [
        log_likelihood(create("vae", engine=engine, pretrained=record), X, 400)
        for engine in ENGINES
    ]
    assert found[0].mean == pytest.approx(found[1].mean, abs=0.1)


def test_running_averages_are_weights(tmp_path: Path) -> None:
    """Looking at a network with batch normalisation does not move what it averages."""
    settings = ROWS["mlp-generator-batch-norm"].hyperparameters
    pair = create("mlp_generator", engine="numpyro", **settings)
    names = {name for name in pair.get_weights() if name.endswith((".mean", ".var"))}
    assert names == {"decoder.norms.0.mean", "decoder.norms.0.var"}
    np.testing.assert_array_equal(pair.get_weights()["decoder.norms.0.mean"], 0)
    np.testing.assert_array_equal(pair.get_weights()["decoder.norms.0.var"], 1)


@pytest.mark.parametrize("engine", ENGINES)
def test_values_of_another_pair_are_refused(engine: str, values: dict[str, np.ndarray]) -> None:
    pair = create("vae", engine=engine, **SMALL)
    before = pair.get_weights()
    some = dict(values)
    some["odd"] = some.pop("encoder.layers.0.bias")
    some["decoder.layers.0.weight"] = some["decoder.layers.0.weight"].T
    with pytest.raises(ValueError, match="do not fit") as caught:
        pair.set_weights(some)
    for words in (
        "encoder.layers.0.bias are missing",
        "odd are none of the pair's",
        "decoder.layers.0.weight has shape (3, 5) in place of (5, 3)",
    ):
        assert words in str(caught.value)
    for name, value in pair.get_weights().items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize("change", ["a byte", "cut short", "another file"])
def test_a_damaged_file_is_refused(record: Path, content: bytes, change: str) -> None:
    damaged = bytearray(content)
    damaged[-1] ^= 1
    bad = {"a byte": bytes(damaged), "cut short": content[:-9], "another file": b"{}"}[change]
    record.with_suffix(".safetensors").write_bytes(bad)
    with pytest.raises(ValueError, match=r"toy.safetensors is damaged: its SHA-256 is \w{64}"):
        create("vae", pretrained=record)


def test_larger_files_are_downloaded_once(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, site = tmp_path / "cache", tmp_path / "site" / "large.safetensors"
    monkeypatch.setattr(pretrained, "cache_folder", lambda: cache)
    site.parent.mkdir()
    site.write_bytes(content)
    record = written(tmp_path / "mine", content, beside=False, more=f'url = "{site.as_uri()}"\n')
    first = create("vae", pretrained=str(record)).get_weights()
    site.unlink()  # from now on it is in the cache
    again = create("vae", engine="pyro", pretrained=str(record)).get_weights()
    for name, value in load(content).items():
        np.testing.assert_array_equal(first[name], value)
        np.testing.assert_array_equal(again[name], value)
    (kept,) = (cache / "pretrained").iterdir()
    kept.write_bytes(b"half of it")
    with pytest.raises(FileNotFoundError, match=r"could not be downloaded .*gave URLError"):
        create("vae", pretrained=record)
    site.write_bytes(content)
    create("vae", pretrained=record)
    assert kept.read_bytes() == content


def test_a_download_with_another_hash_is_refused(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrained, "cache_folder", lambda: tmp_path / "cache")
    served = tmp_path / "served.safetensors"
    served.write_bytes(content + b" ")
    more = f'url = "{served.as_uri()}"\n'
    record = written(tmp_path / "mine", content, beside=False, more=more)
    with pytest.raises(FileNotFoundError, match="served a file with a wrong SHA-256"):
        create("vae", pretrained=record)
    record = written(tmp_path / "mine", content, beside=False)
    with pytest.raises(FileNotFoundError, match=r"toy.toml gives no url\). Put the file"):
        create("vae", pretrained=record)


def test_names(shipped: str) -> None:
    assert list_pretrained() == list_pretrained("t*") == list_pretrained("vae") == [shipped]
    assert list_pretrained(model="vae") == [shipped]
    assert list_pretrained("*mnist*") == list_pretrained(model="draw") == []
    info = pretrained_info(shipped)
    assert isinstance(info, Weights)
    assert str(info) == (
        "toy: vae under elbo, -7.5 ± 0.5 nats per datum, higher is better (iw, K=10)"
    )
    assert create("vae", pretrained=shipped, seed=3, data_dim=12, hidden=(7, 5)).get_weights()


@pytest.mark.parametrize(
    ("model", "arguments", "words"),
    [
        ("vae", {"pretrained": "tay"}, "no weights 'tay' of 'vae'. Did you mean 'toy'.*are: toy"),
        ("draw", {"pretrained": "odd"}, "There are no weights 'odd'. There are: toy"),
        ("draw", {"pretrained": "toy"}, r"are of the model 'vae', not of 'draw': create\('vae'"),
        ("vae", {"pretrained": "no/such.toml"}, "no/such.toml is no record of weights"),
        ("vae", {"pretrained": "toy", "latent_dim": 4}, "latent_dim is 4, .* latent_dim=3"),
        ("vae", {"pretrained": "toy", "activation": "elu"}, "activation is 'elu'.*='tanh'"),
        ("vae", {"pretrained": "toy", "data_mean": np.zeros(12)}, "data_mean is array.*=None"),
    ],
)
def test_wrong_names_and_other_hyperparameters_are_explained(
    shipped: str, model: str, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        create(model, **arguments)


def test_a_record_without_its_result_is_explained(tmp_path: Path) -> None:
    recipe = tmp_path / "new.toml"
    recipe.write_text('model = "vae"\n')
    with pytest.raises(ValueError, match=r"new.toml is no record .* lacks 'file'.*pretrain"):
        pretrained_info(recipe)
