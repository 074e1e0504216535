"""What a shell sees: JSON, exit codes, own files, Ctrl-C, completion, plain logs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from inference import drawn_rows, load_run, log_likelihood
from inference.cli import app
from inference.cli.text import _in_options, console
from inference.training.loop import Loop
from ppl_models import list_models
from ppl_models.datasets import load

SMALL = ["--set", "hidden=8", "--set", "latent_dim=2", "--engine", "pyro", "--steps", 2]
SPEC = """
data = "{data}"
budget = {{ steps = 3 }}
metrics = ["bound"]
rows = 20
[fit]
batch_size = 20
[pairs.vae]
model = "vae"
engine = "pyro"
latent_dim = 2
hidden = [8]
[objectives]
ELBO = "elbo"
{more}
"""


@pytest.fixture
def emptied() -> Iterator[None]:
    """What could not be written is not written by the next test."""
    yield
    console._buffer.clear()


def run(*words: Any, code: int = 0) -> Any:
    found = CliRunner().invoke(app, [str(word) for word in words])
    assert found.exit_code == code, found.output
    return found


def values(*words: Any, code: int = 0) -> Any:
    """What a command prints with --json, which is JSON and nothing else."""
    return json.loads(run(*words, "--json", code=code).stdout)


@pytest.fixture(scope="module")
def rows_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "rows.npz"
    x = (np.random.default_rng(0).random((200, 6)) < 0.4).astype(np.float32)
    np.savez(path, train=x, train_labels=np.arange(200) % 2)
    return path


def test_tables_are_json_too() -> None:
    assert {each["name"] for each in values("list")} == set(list_models())
    shown = values("show", "vae")
    assert shown["hyperparameters"]["latent_dim"]["default"].isdigit()
    assert shown["pretrained"][0]["result"]["value"] < 0
    sets = {each["name"]: each["files"] for each in values("data", "list")}
    assert (sets["digits"], sets["frey_face"]) == (0, 1)
    assert values("data", "show", "digits")["splits"]["test"]["shape"] == [300, 64]
    assert values("data", "verify", "digits") == {"digits": []}
    by_name = {each["name"]: each for each in values("objectives")}
    assert "reparameterised draws" in by_name["iwae"]["needs"]
    assert len(values("results", "--model", "vae")) > 3
    assert {"row", "budgets"} <= values("reproduce")[0].keys()


def test_a_run_of_an_own_file_from_data_to_report(
    rows_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    trained = values("train", "vae", "--data", rows_file, *SMALL, "--out", "run")
    assert trained["status"] == "finished"
    assert trained["steps"] == 2
    assert trained["data"].startswith("rows.npz/train/static/")
    scored = values("evaluate", "run", "--data", rows_file, "--rows", 7, "--particles", 5)
    x = drawn_rows(load(str(rows_file)).test, 7)
    expected = log_likelihood(load_run("run"), x, num_particles=5)
    assert scored["mean"] == pytest.approx(expected.mean, rel=1e-6)
    assert scored["unit"] == "nats per datum"
    assert (scored["count"], scored["rows_seed"]) == (7, 0)
    refused = run("evaluate", "run", code=2).stderr
    assert "trained on a file rows.npz, and there is none at rows.npz" in refused
    reported = values("report", "run", "--data", rows_file, "--metric", "bound", "--rows", 7)
    assert reported["rows"][0]["metrics"]["bound"]["mean"] < 0
    assert "7 of 20, drawn by seed 0" in reported["data"]
    np.savez(tmp_path / "rows.npz", train=np.ones((200, 6)))
    assert "this machine has rows.npz" in run("evaluate", "run", code=2).stderr.replace("\n", " ")


def test_a_comparison_with_failed_rows_is_no_success(rows_file: Path, tmp_path: Path) -> None:
    spec = tmp_path / "spec.toml"
    words = ["compare", spec, "--out", tmp_path / "out"]
    spec.write_text(SPEC.format(data=rows_file, more='Discrete = "disarm"'))
    found = values(*words, code=1)
    assert [bool(row["failed"]) for row in found["rows"]] == [False, True]
    assert "not for" in found["rows"][1]["failed"] or "is for" in found["rows"][1]["failed"]
    assert "vae, Discrete failed: " in run(*words, code=1).stdout
    spec.write_text(SPEC.format(data=rows_file, more=""))
    printed = run("compare", spec, "--out", tmp_path / "other")
    assert printed.stderr.count("1 of 1 runs") == 1
    assert "\r" not in printed.stderr


def test_ctrl_c_says_what_is_kept(
    rows_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = Loop._account

    def interrupt(self: Any, *given: Any) -> None:
        advance(self, *given)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Loop, "_account", interrupt)
    spec = tmp_path / "spec.toml"
    spec.write_text(SPEC.format(data=rows_file, more=""))
    said = run("compare", spec, "--out", tmp_path / "out", code=130).stderr
    assert "interrupted. 0 finished runs, and what was begun, are kept in" in said
    monkeypatch.undo()
    run("compare", spec, "--out", tmp_path / "out")

    def stop(*given: Any, **named: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("inference.cli.list_models", stop)
    assert "interrupted. Nothing of this command was kept" in run("list", code=130).stderr


def test_a_density_up_to_a_constant_is_scored_without_a_word(tmp_path: Path) -> None:
    words = ["--set", "hidden_dim=4", "--objective", "cd", "--steps", 2, "--engine", "pyro"]
    run("train", "rbm", "--binarisation", "threshold", *words, "--out", tmp_path / "run")
    few = ["--chains", 4, "--temperatures", 10, "--rows", 5]
    assert values("evaluate", tmp_path / "run", *few)["method"].startswith("ais")


def test_words_in_a_call_are_python() -> None:
    said = "pass method='ais', as in log_likelihood(pair, x, method='ais', seed=1) or seed=3."
    assert _in_options(said) == (
        "pass --method 'ais', as in log_likelihood(pair, x, method='ais', seed=1) or --seed 3."
    )
    assert _in_options("(give out=PATH and seed=1)") == "(give --out PATH and --seed 1)"


def test_a_shell_completes_names() -> None:
    asked = {
        "_PPL_ZOO_COMPLETE": "complete_bash",
        "COMP_WORDS": "ppl-zoo train va",
        "COMP_CWORD": "2",
    }
    program = "from inference.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | asked, capture_output=True, text=True
    )
    assert done.stdout.split() == ["vae", "vampprior"], done.stderr
    assert "--show-completion" in run("--help").stdout


# Own files


def test_files_of_every_kind_are_the_same_data(tmp_path: Path) -> None:
    x = np.random.default_rng(1).normal(size=(40, 3)).astype(np.float32)
    np.savez(tmp_path / "a.npz", some=x)
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    frame.to_csv(tmp_path / "a.csv", index=False)
    one, other = (load(str(tmp_path / name), split_seed=4) for name in ("a.npz", "a.csv"))
    assert one.binarisation == other.binarisation == "real"
    for split in ("train", "valid", "test"):
        np.testing.assert_allclose(getattr(one, split), getattr(other, split), rtol=1e-6)
    assert len({row.tobytes() for row in np.concatenate([one.train, one.valid, one.test])}) == 40
    assert (len(one.train), len(one.valid), len(one.test)) == (32, 4, 4)
    assert str(one.data_id("train")).startswith("a.npz+split_seed=4/train/real/")


def test_parquet_is_read_where_pandas_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame({"a": np.linspace(0, 1, 30), "split": ["train"] * 20 + ["test"] * 10})
    (tmp_path / "a.parquet").write_bytes(b"")
    monkeypatch.setattr(pd, "read_parquet", lambda path: frame.copy())
    found = load(str(tmp_path / "a.parquet"))
    assert (len(found.train), len(found.valid), len(found.test)) == (18, 2, 10)
    assert found.binarisation is None

    def missing(path: Path) -> None:
        raise ImportError("Missing optional dependency 'pyarrow'")

    monkeypatch.setattr(pd, "read_parquet", missing)
    with pytest.raises(ValueError, match="pip install pyarrow, or save it as csv or npz"):
        load(str(tmp_path / "a.parquet"))


def test_images_and_labels_of_a_file(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(256, size=(50, 4, 5)).astype(np.uint8)
    np.savez(tmp_path / "a.npz", train=pixels, train_labels=np.arange(50))
    found = load(str(tmp_path / "a.npz"), labels="all")
    assert found.image_shape == (4, 5)
    assert found.train.max() <= 1
    again = pixels.reshape(50, 20)[found.y["test"]] / 255
    np.testing.assert_allclose(found.test, again.astype(np.float32))
    drawn = load(str(tmp_path / "a.npz"), binarisation="dynamic", seed=3)
    assert set(np.unique(drawn.test)) <= {0, 1}
    assert (drawn.dynamic, drawn.seed) == (True, 3)


def test_numbers_that_follow_each_other_are_names_of_columns(tmp_path: Path) -> None:
    frame = pd.DataFrame(np.random.default_rng(0).random((30, 3)))  # pandas calls them 0, 1, 2
    frame.to_csv(tmp_path / "a.csv", index=False)
    found = load(str(tmp_path / "a.csv"))
    assert len(found.train) + len(found.valid) + len(found.test) == 30


def test_lists_keep_what_is_to_be_copied() -> None:
    printed = run("list").stdout
    assert all(name in printed for name in list_models())
    assert "conditional-network-quadrants-3" in run("reproduce").stdout
    for words in (("list",), ("objectives",), ("reproduce",), ("data", "list")):
        assert "…" not in run(*words).stdout
    refused = run("train", "vae", "--engine", "torch", code=2).stderr
    assert refused.startswith("error: There is no engine 'torch'. That of torch is 'pyro'.")
    refused = run("train", "glow", "--engine", "numpyro", code=2).stderr
    assert refused == "error: --engine 'numpyro': expected one of pyro.\n"


@pytest.mark.parametrize(
    ("name", "held", "words"),
    [
        ("a.npz", {"train": np.ones(3, "U1")}, "array 'train' must hold numbers"),
        ("a.npz", {"a": np.ones(3), "b": np.ones(3)}, "must have arrays train, valid and test"),
        ("a.npz", {"train": np.ones((3, 2))}, "3 rows of train and no valid and no test"),
        ("a.npz", {"train": np.full((30, 2), np.nan)}, "finite numbers"),
        ("a.npz", {"train": np.ones((3, 2)), "test": np.ones((3, 4))}, "shape \\(2,\\)"),
        ("a.csv", "a,b\n1,x\n", "column 'b' holds no numbers"),
        ("a.csv", "a,split\n1,dev\n", "must say train, valid or test"),
        ("a.csv", "", "cannot be read"),
        ("a.csv", "a,b\n1,2\n1,\n", "column 'b' holds no number in row 2"),
        ("a.csv", "0.5,1.5\n1,2\n", "must name the columns, and holds numbers: 0.5"),
        ("a.csv", "3,3,1\n1,2,3\n", "must name the columns"),  # the third is called 3.1
        ("a.csv", ",a\n0,1.5\n1,2.5\n", "counts the rows, which pandas"),
        ("a.tsv", "a\n1\n", "as a file it must be .npz, .csv or .parquet"),
        ("b.npz", None, "no such file"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(
    tmp_path: Path, name: str, held: Any, words: str
) -> None:
    path = tmp_path / name
    if isinstance(held, dict):
        np.savez(path, **held)
    elif held is not None:
        path.write_text(held)
    with pytest.raises((ValueError, OSError), match=words):
        load(str(path))
    assert CliRunner().invoke(app, ["train", "vae", "--data", str(path)]).exit_code == 2


def test_a_setting_is_given_once(tmp_path: Path) -> None:
    for option, items in (("--set", ["latent_dim=2"] * 2), ("--data-option", ["seed=1"] * 2)):
        words = [word for item in items for word in (option, item)]
        found = run("train", "vae", "--data", "digits", *words, "--out", tmp_path / "run", code=2)
        assert "is given twice" in found.stderr


def test_a_checked_file_that_ends_the_process_is_said(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text("import sys\nsys.exit(3)\nclass Own: ...\n")
    assert "SystemExit: 3" in run("check", f"{file}:Own", "--data", "digits", code=2).stderr


def test_results_that_are_not_there(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert "no folder of rows" in run("results", "--rows", nowhere, code=2).stderr
    assert "no file of results" in run("results", "--results", nowhere, code=2).stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.usefixtures("emptied")
@pytest.mark.parametrize("words", [["show", "vae"], ["results"], ["list", "--json"], ["--help"]])
def test_an_output_that_is_full_is_said_in_one_line(words: list[str], monkeypatch, capsys) -> None:
    with Path("/dev/full").open("w") as full, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit, match="1"):
            app(words)
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1
    assert "standard output, or a file of the command, cannot be written: No space" in said


@pytest.mark.usefixtures("emptied")
def test_a_reader_that_has_seen_enough_is_no_error(monkeypatch, capsys) -> None:
    """As in `ppl-zoo results | head -1`."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", closed)
        patch.setattr(sys, "stderr", sys.stderr)  # which is then wrapped, too
        patch.setattr(console, "quiet", False)  # which it is from then on
        with pytest.raises(SystemExit):
            app(["results"])
        os.dup2(os.open(os.devnull, os.O_WRONLY), write)  # so that it can be closed
    assert capsys.readouterr().err == ""
