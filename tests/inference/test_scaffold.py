"""`ppl-zoo new`: what it writes passes the tests of every model as it is."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from rows import Row, rows_in
from typer.testing import CliRunner

from inference import load_run
from inference.cli import app
from ppl_models import create, list_models

ROOT = Path(__file__).parents[2]
BOTH = ("pyro", "numpyro")
HEAVY = ("torch", "jax", "pyro", "numpyro", "pandas", "sklearn", "matplotlib")
TESTS = ("test_pairs.py", "test_registry.py")


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a clone has of models and their tests, but for one that was added to it."""
    clone = tmp_path_factory.mktemp("clones") / "a clone"
    leave = shutil.ignore_patterns("__pycache__", "demo_model*")
    shutil.copytree(ROOT / "ppl_models", clone / "ppl_models", ignore=leave)
    shutil.copytree(ROOT / "tests" / "reference", clone / "tests" / "reference", ignore=leave)
    (clone / "tests" / "ppl_models").mkdir()
    for name in TESTS:
        shutil.copy(ROOT / "tests" / "ppl_models" / name, clone / "tests" / "ppl_models" / name)
    shutil.copy(ROOT / "pyproject.toml", clone)
    (clone / "inference").symlink_to(ROOT / "inference")
    return clone


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The least that is taken for a clone; the working directory is inside it."""
    (tmp_path / "tests" / "reference").mkdir(parents=True)
    (tmp_path / "tests" / "reference" / "rows.py").touch()
    (tmp_path / "ppl_models").mkdir()  # so that imports are sorted as in the zoo
    (tmp_path / "ppl_models" / "networks").symlink_to(ROOT / "ppl_models" / "networks")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    monkeypatch.chdir(tmp_path / "tests")
    return tmp_path


def new(*words: object) -> str:
    done = CliRunner().invoke(app, ["new", *map(str, words)])
    assert done.exit_code == 0, done.output
    return done.stdout


def refuse(*words: object) -> str:
    done = CliRunner().invoke(app, ["new", *map(str, words)])
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def written(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_new_model_passes_the_tests_of_every_model(zoo: Path) -> None:
    """By the command that is printed, in a process that knows only the clone."""
    before = written(zoo)
    program = (
        "import sys\n"
        "from inference.cli import app\n"
        "try:\n"
        "    app(['new', 'demo_model'])\n"
        "except SystemExit as leave:\n"
        "    assert leave.code == 0\n"
        f"heavy = sorted(set({HEAVY!r}) & set(sys.modules))\n"
        "assert not heavy, heavy\n"
    )
    told: dict[str, Any] = {"cwd": zoo, "capture_output": True, "text": True}
    told["env"] = {**os.environ, "PYTHONPATH": str(zoo)}
    made = subprocess.run([sys.executable, "-c", program], **told)
    assert made.returncode == 0, made.stderr
    assert {path for path in written(zoo) - before if "__pycache__" not in path} == {
        "ppl_models/directed/demo_model.py",
        "ppl_models/directed/demo_model_numpyro.py",
        "ppl_models/cards/demo_model.md",
        "tests/reference/model_rows/demo_model.toml",
    }
    _, folder, _, *command = shlex.split(made.stdout.split("Go on with: ")[1])
    assert folder == str(zoo)
    assert command == ["pytest", "tests/ppl_models", "-k", "demo_model or demo-model"]
    # Of these, the quick ones, and that models and rows are the same.
    some = "(card or drawn or (learns and not numpyro))"
    quick = f"({command[-1]}) and {some} or every_model_has_a_row"
    words = [*command[1:-1], quick, "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    tested = subprocess.run([sys.executable, "-m", *command[:1], *words], **told)
    assert re.search(r"^5 passed, \d+ deselected", tested.stdout, re.MULTILINE), tested.stdout


@pytest.mark.parametrize("engine", [*BOTH, "both"])
@pytest.mark.parametrize("name", ["abc", "a_long_name_of_many_words_and_40_letters"])
def test_the_files_are_formatted_and_know_their_engines(
    clone: Path, name: str, engine: str
) -> None:
    engines = BOTH if engine == "both" else (engine,)
    printed = new(name, "--engine", engine)
    pairs = list((clone / "ppl_models" / "directed").glob("*.py"))
    assert len(pairs) == len(engines)
    assert all(str(path) in printed for path in pairs)
    for check in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *check, "--no-cache", *map(str, pairs)],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    (row,) = rows_in(clone / "tests" / "reference" / "model_rows").values()
    assert isinstance(row, Row)
    assert (row.model, row.engines) == (name, engines)
    assert bool(row.parity) == (len(engines) == 1)
    assert set(row.batch(50)[0].ravel()) == {0.0, 1.0}
    card = (clone / "ppl_models" / "cards" / f"{name}.md").read_text()
    assert f"--engine {engines[0]} " in card


def test_a_package_of_ones_own_is_a_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its metadata stands in for what pip writes of it."""
    folder = tmp_path / "my package"
    printed = new("acme_vae", "--into", folder)
    command = shlex.split(printed.split("Go on with: ")[1])
    assert command[:4] == ["pip", "install", "-e", str(folder)]
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    package = "acme_vae_pair"
    assert project["project"]["name"] == "acme-vae-pair"
    assert project["tool"]["setuptools"]["packages"] == [package]
    assert project["tool"]["setuptools"]["package-data"] == {package: ["*.md"]}
    names = ("__init__.py", "acme_vae.md", "acme_vae.py", "acme_vae_numpyro.py")
    assert written(folder) == {"pyproject.toml", *(f"{package}/{name}" for name in names)}
    declared = project["project"]["entry-points"]["ppl_models.models"]
    metadata = folder / "acme_vae_pair-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Name: acme-vae-pair\nVersion: 0.1.0\n")
    lines = [f"{key} = {value}" for key, value in declared.items()]
    (metadata / "entry_points.txt").write_text("\n".join(["[ppl_models.models]", *lines]))
    monkeypatch.syspath_prepend(folder)
    assert "acme_vae" in list_models("acme*", engine="numpyro")
    assert create("acme_vae", engine="numpyro", data_dim=5).data_shape == (5,)
    run = tmp_path / "run"
    words = ["--engine", "pyro", "--data", "digits", "--steps", "2", "--out", str(run)]
    trained = CliRunner().invoke(app, ["train", "acme_vae", *words])
    assert trained.exit_code == 0, trained.output
    assert load_run(run).spec["pair"]["class"] == f"{package}.acme_vae:AcmeVae"
    assert "there is a model 'acme_vae'" in refuse("acme_vae", "--into", tmp_path / "other")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("DemoModel", "must be small letters .* such as demo_model; got 'DemoModel'"),
        ("demo-model", "must be small letters"),
        ("_demo", "must be small letters"),
        ("../demo", "must be small letters"),
        ("lambda", "no word of Python's own"),
        ("a" * 41, "at most 40"),
        ("demo_numpyro", "pass 'demo' with --engine numpyro"),
        ("pyro_pair", "would make a class PyroPair, .* such as 'pyro_pair_model'"),
        ("vae", r"there is a model 'vae' \(ppl-zoo show vae\); choose another"),
    ],
)
def test_bad_names_are_refused(clone: Path, name: str, words: str) -> None:
    before = written(clone)
    for where in ([], ["--into", clone / "mine"]):
        assert re.search(words, refuse(*where, "--", name))
    assert written(clone) == before


def test_nothing_is_overwritten(clone: Path) -> None:
    (clone / "ppl_models" / "flows").mkdir(parents=True)
    (clone / "ppl_models" / "flows" / "demo_numpyro.py").write_text("mine")
    before = written(clone)
    assert "demo_numpyro.py exists; choose another name" in refuse("demo", "--engine", "pyro")
    (clone / "mine" / "other_pair").mkdir(parents=True)
    (clone / "mine" / "other_pair" / "other.md").write_text("mine")
    assert "other.md exists; choose another" in refuse("other", "--into", clone / "mine")
    (clone / "tests" / "reference" / "model_rows").write_text("no folder")
    assert "cannot be used: " in refuse("third")
    assert written(clone) - before <= {
        "mine/other_pair/other.md",
        "tests/reference/model_rows",
    }


def test_a_folder_that_is_no_clone_is_refused(clone: Path) -> None:
    project = clone / "pyproject.toml"
    for text in ('[project]\nname = "something-else"\n', "[tool.ruff]\n", None):
        if text is None:
            project.unlink()
        else:
            project.write_text(text)
        message = refuse("demo")
        assert f"{clone / 'tests'} is in no clone of the zoo" in message
        assert "or pass --into FOLDER" in message
