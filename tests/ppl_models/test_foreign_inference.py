"""Another distribution's `inference` in place of ours is seen, and nothing of it is run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(program: str, *before: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(map(str, [*before, ROOT]))
    words = [sys.executable, "-c", program]
    where = before[0] if before else ROOT
    own = os.environ | {"PYTHONPATH": path}
    return subprocess.run(words, env=own, cwd=where, capture_output=True, text=True)


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    (tmp_path / "inference").mkdir()
    (tmp_path / "inference" / "__init__.py").write_text("raise SystemExit('run')\n")
    return tmp_path


def test_importing_the_models_warns_of_it(foreign: Path) -> None:
    done = run("import ppl_models; print(len(ppl_models.list_models()) > 5)", foreign)
    assert done.stdout == "True\n", done.stderr
    assert f"the package inference at {foreign / 'inference'} is not that of" in done.stderr
    assert "pip uninstall" in done.stderr
    assert "pip install --force-reinstall --no-deps ppl-model-zoo" in done.stderr


def test_the_command_says_what_to_do(foreign: Path) -> None:
    program = "import warnings; warnings.simplefilter('ignore')\n"
    program += "import sys; sys.argv = ['ppl-zoo', 'list']\n"
    program += "from ppl_models._command import main; main()"
    done = run(program, foreign)
    assert done.returncode == 2
    assert done.stderr.startswith("error: the package inference at ")
    assert "Traceback" not in done.stderr


def test_our_own_is_no_reason_to_warn() -> None:
    program = "import sys; sys.argv = ['ppl-zoo', 'list', 'v?e']\n"
    done = run(f"{program}from ppl_models._command import main; main()")
    assert done.returncode == 0, done.stderr
    assert "vae" in done.stdout
    assert done.stderr == ""
