"""A type checker sees the public names from a script of a user's, and its mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import inference
import ppl_models

ROOT = Path(__file__).parents[2]
SCRIPT = """
from inference import IWAE, Comparison, Estimate, compare, drawn_rows, fit, log_likelihood
from ppl_models import create
from ppl_models.datasets import load

data = load("digits")
pair = create("vae", engine="numpyro", data_dim=64)
run = fit(pair, data, objective=IWAE(num_particles=5), epochs=1)
found: Estimate = log_likelihood(run.pair, drawn_rows(data.test, 20), num_particles=10)
mean: float = found.mean
table: Comparison = compare({"a": pair}, {"b": "elbo"}, data, budget={"steps": 1})
wrong: str = found.mean  # line 12
log_likelihood(run.pair, data.test, particles=10)  # line 13
"""


def test_a_users_script_is_checked_by_its_types(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    settings = {"typeCheckingMode": "standard", "extraPaths": [str(ROOT)], "include": ["script.py"]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    words = [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable, "--outputjson"]
    done = subprocess.run([*words, "--project", str(tmp_path)], capture_output=True, text=True)
    found = json.loads(done.stdout)["generalDiagnostics"]
    errors = [each for each in found if each["severity"] == "error"]
    assert [each["range"]["start"]["line"] + 1 for each in errors] == [12, 13], errors


def test_both_packages_say_their_version() -> None:
    assert inference.__version__ == ppl_models.__version__ == version("ppl-model-zoo")


def test_a_source_distribution_holds_what_make_test_needs() -> None:
    held = (ROOT / "MANIFEST.in").read_text()
    for name in ("tests", "docs", "notebooks", "benchmarks"):
        assert f"graft {name}" in held
    for name in ("Makefile", "constraints.txt", "CHANGELOG.md", "CITATION.cff"):
        assert name in held
        assert (ROOT / name).is_file()


def test_an_editable_install_is_a_path() -> None:
    """Type checkers follow a path, and not the finder that setuptools puts up otherwise."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert settings["package-dir"] == {"": "."}
    for package in ("inference", "ppl_models"):
        assert (ROOT / package / "py.typed").is_file()
        assert "py.typed" in settings["package-data"][package]
