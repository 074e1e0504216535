"""The README's program and commands do what they say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from inference.cli import app

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_it_is_short() -> None:
    assert len(README.split()) <= 1500


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_programs_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From top to bottom in one namespace, as a reader would paste them."""
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {}
    for program in blocks("python"):
        exec(compile(program, "README.md", "exec"), space)
    assert list(space["run"].history.columns) == [
        "step", "epoch", "loss", "valid_bound", "seconds",
    ]  # fmt: skip
    printed = capsys.readouterr().out
    assert "nats (iw, K=1000)" in printed
    assert "IWAE" in printed  # an objective that fits
    assert re.search(r"belief net +ELBO +-\d+", printed)
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_commands_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    commands = [
        line for block in blocks("bash") for line in block.splitlines() if "ppl-zoo" in line
    ]
    assert len(commands) == 4
    for command in commands:
        result = CliRunner().invoke(app, shlex.split(command)[1:])
        assert result.exit_code == 0, result.output
    assert (tmp_path / "runs" / "digits" / "figures" / "samples.png").exists()
