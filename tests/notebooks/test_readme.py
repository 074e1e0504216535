"""The README's program and commands do what they say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from inference.checking.checks import CHECKS
from inference.cli import app

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_it_is_short() -> None:
    assert len(README.split()) <= 1500


def test_it_names_every_notebook_and_counts_the_checks() -> None:
    names = {each.stem for each in (Path(__file__).parents[2] / "notebooks").glob("*.ipynb")}
    assert {name for name in names if f"`{name}`" not in README} == set()
    pages = (README, (Path(__file__).parents[2] / "docs" / "pairs.md").read_text(encoding="utf-8"))
    assert [f"makes {len(CHECKS)} checks" in page for page in pages] == [True, True]


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


def own_programs(page: Path) -> list[str]:
    """A guide's programs; what the README holds too is run there."""
    found = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [program for program in found if program not in blocks("python")]


PAGES = sorted((Path(__file__).parents[2] / "docs").glob("*.md"))
GUIDES = {page.stem: programs for page in PAGES if (programs := own_programs(page))}
BEFORE = """
from inference import IWAE, fit
from ppl_models import create
from ppl_models.datasets import load

data = load("digits")
pair = create("vae", engine="pyro", data_dim=64, latent_dim=2, hidden=(8,), seed=0)
"""
AFTER = {
    "global_latents": """
x = data.train[:20, :2]
assert fit(pair, (x, x[:, 0]), steps=1, progress=False).step == 1
""",
    "own_laws": """
assert not check_pair((row, nothing), bits[:7]).failed
names = ("temperatures-lead-to-density", "kernel-leaves-density")
assert len(check_pair((row, nothing), bits[:7], checks=names).skipped) == 0
exact, annealed = (log_partition(run, how, num_temperatures=100) for how in ("exact", "ais"))
assert abs(exact.log_z - annealed.log_z) < 0.1
""",
    "objectives": """
x = (data.train[:20] > 0.5).astype("float32")
run = fit(pair, x, objective=Halfway(num_particles=2), steps=1, progress=False)
assert "Halfway" in type(run.objective).__name__
""",
}


def shorter(program: str) -> str:
    """The same on a small pair and for an epoch."""
    found = re.sub(r"\bepochs=\d+", "epochs=1", program).replace(
        "num_particles=1000", "num_particles=5"
    )
    return found.replace('engine="numpyro"', 'engine="pyro"').replace(
        "hidden=(200,)", "hidden=(8,)"
    )


def test_what_is_asserted_is_of_guides_with_programs() -> None:
    assert set(AFTER) < set(GUIDES)


@pytest.mark.parametrize("guide", GUIDES)
def test_programs_of_guides_run(
    guide: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """After the README's first one; none may raise, and what is asserted of some holds."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    space: dict[str, Any] = {}
    for program in (BEFORE, *map(shorter, GUIDES[guide]), AFTER.get(guide, "")):
        exec(compile(program, f"{guide}.md", "exec", dont_inherit=True), space)
