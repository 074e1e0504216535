"""Disks that fill up and paths that lead nowhere: no halves are left, and it is said early."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import inference
from inference import RunFolderError, load_run
from inference.cli import app
from inference.comparison.cells import Cell, _keep, lost
from inference.errors import ArgumentError
from inference.estimators.certificate import record
from inference.published.result import append, read_results
from ppl_models.scaffold.files import write


@contextlib.contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file may become larger, as on a disk with so much space left."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_results_are_appended_whole_or_not_at_all(tmp_path: Path) -> None:
    known, path = read_results()[:3], tmp_path / "results.csv"
    append(path, known[:1])
    before = path.read_bytes()
    with (
        room_for(len(before) + 20),
        pytest.raises(ArgumentError, match=r"results=.* cannot be written: File too large"),
    ):
        append(path, known[1:])
    assert path.read_bytes() == before
    append(path, known[1:])
    assert read_results(path) == known


def test_a_comparison_says_that_its_figures_cannot_be_kept(tmp_path: Path) -> None:
    cell = Cell(
        "a", "b", 0, None, None, {}, {"steps": 1}, "id", tmp_path, tmp_path / "results" / "r.json"
    )
    with room_for(20), pytest.raises(RunFolderError, match="cannot be written: File too large"):
        _keep(cell, lost(cell))
    assert not list((tmp_path / "results").iterdir())


def test_a_new_model_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    files = {tmp_path / "a.py": "x", tmp_path / "b.py": "x" * 100}
    with room_for(20), pytest.raises(OSError, match="File too large"):
        write(files)
    assert not list(tmp_path.iterdir())


def test_a_certificate_that_does_not_fit_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "certificate.md"
    record.write(path, {record.NOISE: "noisy"}, 60)
    before = path.read_text()
    with room_for(len(before)), pytest.raises(OSError, match="File too large"):
        record.write(path, {record.NOISE: "x" * 1000}, 60)
    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]


def test_what_has_other_columns_is_no_file_of_results(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    for text in ("x", "x,y\n1,2\n", "row,model\n"):
        path.write_text(text)
        with pytest.raises(ArgumentError, match="the columns are not"):
            inference.results(path=path)


@pytest.mark.parametrize("option", ["--out", "--write"])
def test_certify_asks_for_room_before_it_computes(option: str, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none" / "c.csv", tmp_path / "f" / "c.csv"):
        (tmp_path / "f").touch()
        answer = CliRunner().invoke(app, ["certify", "--draws", "1000", option, str(path)])
        assert answer.exit_code == 2
        assert f"{path} cannot be used: " in answer.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["reproduce", "--rows", "n" * 300], "File name too long; choose another path."),
        (["docs", "--clone", "n" * 300], "File name too long; choose another path."),
        (["docs", "--out", ""], "a word is empty, as where a variable of the shell is not set"),
        (["new", "mine", "--into="], "--into is given no value, as where a variable"),
        (["data", "show", ""], "give it a value, or leave it out. The current folder is a dot."),
        (["reproduce", "--rows", "."], "holds no row, which is a file NAME.toml"),
        (["compare", "/"], "/ is no TOML: / is no regular file"),
        (["reproduce", "bound-stl-mnist"], "did you mean 'bounds-stl-mnist'?"),
        (["certify", "--case", "annealed, bernouli"], "did you mean 'annealed, Bernoulli'?"),
        (["certify", "--objective", "x"], "Concrete, 'Concrete, hard', REBAR"),
        (["train", "vae", "--labels", "9" * 5000], "--labels must be all or a count such as 100"),
        (["certify", "--particles", "9" * 5000], "expected positive whole numbers, as in 1,2,5."),
        (["report", "none", "--out", "."], ". cannot be used: Is a directory"),
        (["report", "none", "--out", "/dev/null/x"], "cannot be used: Not a directory"),
        (["reproduce", "bounds-stl-mnist", "--results", "/"], "/ cannot be used: Is a directory"),
        (["lst"], "`ppl-zoo --help` lists the commands."),
    ],
)
def test_what_a_command_cannot_use_is_a_sentence(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 2
    assert said in " ".join(answer.stderr.split())
    assert not list(tmp_path.iterdir())


def test_paths_that_lead_nowhere_are_no_run_folders(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path in (loop, tmp_path / "file" / "below", tmp_path / "none"):
        with pytest.raises(RunFolderError, match="is no run folder: it has no spec"):
            load_run(path)
    answer = CliRunner().invoke(app, ["evaluate", str(tmp_path / ("n" * 300))])
    assert answer.exit_code == 2
    assert "is no run folder" in answer.stderr
