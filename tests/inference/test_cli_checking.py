"""What `ppl-zoo check` is given by mistake is refused in a line that says what to pass."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from inference.cli import app

FILE = """
from math import pi

class Wide:
    def __init__(self, width): pass
    def model(self, x): pass
    def guide(self, x): pass

class Half:
    def model(self, x): pass

def model(x): pass

three = (model, model, model)
"""


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("none.py:Wide", None, "there is no file .*none.py; name the file"),
        (
            "pair.py",
            FILE,
            r"PAIR must be path/to/file.py:Class, or a name of `ppl-zoo list`, got '.*pair.py'",
        ),
        ("pair.py:Wid", FILE, "has no 'Wid'; it has Wide, Half, model, three."),
        ("pair.py:Wid", "from math import pi", "it has no class and no tuple"),
        ("pair.py:Wide", FILE, r"Wide\(width\) cannot be made: .*--set KEY=VALUE"),
        ("pair.py:Half", FILE, "Half is no pair: it has no guide. A pair is a class with"),
        (
            "pair.py:model",
            FILE,
            r"no model and no guide.*pair = \(model, guide\) in .*pair.py:pair",
        ),
        ("pair.py:three", FILE, "three is no pair: it has no model and no guide"),
        (
            "pair.py:A",
            "x = (\n",
            r"cannot be imported: SyntaxError: '\(' was never closed .*line 1",
        ),
        ("pair.py:A", "\n1 / 0\n", r"ZeroDivisionError: division by zero \(pair.py:2\)"),
    ],
)
def test_refused(tmp_path: Path, name: str, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "pair.py").write_text(text)
    done = CliRunner().invoke(app, ["check", str(tmp_path / name)])
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert re.search(message, done.stderr), done.stderr


@pytest.mark.parametrize("words", [("ppca", "--data", "grid"), ("lda", "--data", "bars")])
def test_a_model_of_the_zoo_is_checked_by_its_name(words: tuple[str, ...]) -> None:
    options = ["--engine", "pyro", "--check", "globals-count-once", "--check", "model-runs"]
    done = CliRunner().invoke(app, ["check", *words, *options])
    assert done.exit_code == 0, done.stderr
    assert "0 errors" in done.stdout


def test_no_engine_is_told_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "pair.py").write_text(FILE)
    done = CliRunner().invoke(app, ["check", f"{tmp_path}/pair.py:three", "--engine", "pyro"])
    assert done.exit_code == 2
    assert "--engine is of a model's name" in done.stderr
