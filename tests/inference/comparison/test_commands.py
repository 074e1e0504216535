"""`ppl-zoo compare`, `report` and `demo`, and the commands that a report names."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from inference import fit, load_run
from inference.cli import app
from inference.cli.comparison import _DEMO
from inference.cli.data import load_data
from inference.cli.pairs import pair_maker
from inference.cli.text import console
from inference.comparison.commands import train_command
from inference.comparison.spec_file import EXAMPLE, read_spec
from inference.engines import load_engine
from inference.errors import ObjectiveError
from inference.objectives import parse_objective
from ppl_models import create
from ppl_models.datasets import load

SPEC = """
title = "Two <b>sizes</b>"
data = "digits"
seeds = [0, 1]
budget = { steps = 13 }
metrics = ["bound", "seconds"]

[fit]
batch_size = 50
learning_rate = 1e-3

[pairs.small]
model = "vae"
engine = "pyro"
latent_dim = 2
hidden = [8]
bias_from_data = true

[pairs.large]
model = "vae"
engine = "pyro"
latent_dim = 4
hidden = [16]

[objectives]
ELBO = "elbo"
IWAE = { objective = "iwae:num_particles=5", learning_rate = 3e-3 }
"""


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setattr(console, "_width", 300)


def invoke(*words, code=0):
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    if code:
        assert result.stderr.count("\n") == 1
        assert "Traceback" not in result.output
    return result.stderr if code else result.stdout


def test_compare_prints_a_table_writes_a_report_and_goes_on(tmp_path):
    spec, out = tmp_path / "sizes.toml", tmp_path / "out"
    spec.write_text(SPEC)
    first = invoke("compare", spec, "--out", out)
    for row in ("small │ ELBO", "small │ IWAE", "large │ ELBO", "large │ IWAE"):
        assert re.search(row.replace(" │ ", r"\s+│ ") + r"\s+│ -\d+\.\d+ ± \d+", first)
    page = (out / "report.html").read_text()
    assert "Two &lt;b&gt;sizes&lt;/b&gt;" in page
    assert invoke("compare", spec, "--out", out) == first  # what is finished is read
    assert len(list((out / "runs").iterdir())) == 8
    rates = {load_run(run).spec["training"]["learning_rate"] for run in (out / "runs").iterdir()}
    assert rates == {1e-3, 3e-3}
    folders = sorted((out / "runs").glob("*elbo*"))
    report = invoke("report", *folders, "--metric", "bound", "--out", tmp_path / "two.html")
    assert "VAE (latent_dim=2, hidden=[8]" in report
    assert (tmp_path / "two.html").stat().st_size > 1000


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('data = "digits"', "data = ", "is no TOML"),
        ('data = "digits"', "", "'data' is missing"),
        ('data = "digits"', "data = 3", "data must be a name"),
        ('data = "digits"', 'data = "digit"', "Did you mean 'digits'"),
        ("budget = { steps = 13 }", "budget = { step = 13 }", "budget must be one of"),
        ("budget = { steps = 13 }", "budget = 13", "'budget' must be a table"),
        ("seeds = [0, 1]", "seed = 1", "there is no entry 'seed'"),
        ('model = "vae"', 'model = "vea"', "Did you mean"),
        ("latent_dim = 2", "latent_dim = 0", "pairs.small: latent_dim"),
        ("latent_dim = 2", "latent = 2", "pairs.small: "),
        ('ELBO = "elbo"', 'ELBO = "elbow"', "Did you mean 'elbo'"),
        ('ELBO = "elbo"', "ELBO = 3", "objectives.ELBO must be a string"),
        ("batch_size = 50", "batch = 50", "no argument 'batch'"),
        ('metrics = ["bound", "seconds"]', 'metrics = ["bond"]', "Did you mean 'bound'"),
    ],
)
def test_what_is_wrong_with_a_file_is_a_sentence(tmp_path, old, new, words):
    spec = tmp_path / "spec.toml"
    assert SPEC.count(old) >= 1
    spec.write_text(SPEC.replace(old, new, 1))
    assert words in invoke("compare", spec, "--out", tmp_path / "out", code=2)
    assert not (tmp_path / "out").exists()


def test_other_refusals(tmp_path):
    assert "name a TOML file" in invoke("compare", code=2)
    assert "cannot be read" in invoke("compare", tmp_path / "none.toml", code=2)
    assert "no run folder" in invoke("report", tmp_path, code=2)


def test_the_example_is_what_the_command_takes(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")  # as in a pipe of 80: lines that are cut are no TOML
    assert invoke("compare", "--example") == EXAMPLE
    (tmp_path / "example.toml").write_text(EXAMPLE)
    page = (Path(__file__).parents[3] / "docs" / "comparing.md").read_text()
    assert EXAMPLE in page
    spec = read_spec(tmp_path / "example.toml")
    assert spec.arguments == {
        "seeds": 3,
        "budget": {"epochs": 50},
        "metrics": ["bound", "log_likelihood:num_particles=1000", "seconds"],
        "rows": 200,
        "learning_rate": 1e-3,
    }
    assert spec.objectives["IWAE"] == ("iwae:num_particles=5", {"learning_rate": 3e-3})


def test_every_cell_of_the_demo_is_valid():
    data, refused = load_data(*_DEMO.data), []
    for label, entry in _DEMO.pairs.items():
        pair = pair_maker(label, *entry, data)(0)
        structure = load_engine(pair.engine).structure(pair, (data.test[:2],))
        for objective in (*_DEMO.objectives.values(), "iwae:num_particles=5"):
            try:
                parse_objective(objective).require(structure)
            except ObjectiveError:
                refused.append((label, objective))
    assert refused == [("belief net", "iwae:num_particles=5")]  # which is not in the demo


def test_the_command_of_a_run_repeats_it(tmp_path):
    data = load("digits", seed=3)
    pair = create(
        "vae", engine="pyro", data_dim=64, latent_dim=2, hidden=(8,), data_mean=data.data_mean
    )
    run = fit(
        pair,
        data,
        objective="iwae:num_particles=3",
        steps=13,
        batch_size=50,
        seed=5,
        out=tmp_path / "a",
        progress=False,
    )
    command = train_command(run.spec, tmp_path / "b")
    assert command is not None
    _, *words = shlex.split(command)
    invoke(*words)
    again = load_run(tmp_path / "b")
    for name, value in run.parameters.items():
        assert (again.parameters[name] == value).all()


def test_a_run_that_no_command_can_repeat_has_none(tmp_path):
    pair = create("vae", engine="pyro", data_dim=64, latent_dim=2, hidden=(8,))
    rows = load("digits").test
    run = fit(pair, rows, steps=1, progress=False)
    assert train_command(run.spec, None) is None
    scheduled = fit(pair, load("digits"), steps=1, schedule=lambda step: 1.0, progress=False)
    assert train_command(scheduled.spec, None) is None
    begun = create(
        "vampprior", engine="pyro", data_dim=64, latent_dim=2, hidden=(8,), components=3,
        examples=rows[:3],
    )  # fmt: skip
    assert train_command(fit(begun, load("digits"), steps=1, progress=False).spec, None) is None
