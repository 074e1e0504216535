"""Mistakes that are planted in the source: they fit it, and are found where a test sees them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.source_mutants.__main__ import main
from benchmarks.source_mutants.mutant import Mutant, read
from benchmarks.source_mutants.table import markdown
from benchmarks.source_mutants.trial import ROOT, copy_tree, tried

HALF = Mutant(
    name="half",
    layer="toy",
    file="toy.py",
    old="return 2 * x",
    new="return x",
    breaks="a factor",
    tests=("test_toy.py",),
)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of one function and two tests."""
    root = tmp_path_factory.mktemp("tree")
    (root / "toy.py").write_text("def twice(x):\n    return 2 * x\n")
    (root / "test_toy.py").write_text(
        "from toy import twice\n\n\ndef test_zero():\n    assert twice(0) == 0\n\n\n"
        "def test_three():\n    assert twice(3) == 6\n"
    )
    return root


def test_each_fits_the_tree() -> None:
    mutants = read()
    assert len(mutants) == 65
    assert not [why for mutant in mutants if (why := mutant.misfit(ROOT))]


def test_one_is_found_by_the_test_that_sees_it_and_leaves_the_tree_as_it_was(toy: Path) -> None:
    before = (toy / "toy.py").read_bytes()
    found = tried(HALF, toy, 60)
    assert (found.end, found.by) == ("killed", "test_toy.py::test_three")
    assert (toy / "toy.py").read_bytes() == before


def test_one_that_no_test_sees_survives_and_the_table_says_so(toy: Path) -> None:
    blind = replace(HALF, select="zero")
    assert tried(blind, toy, 60).end == "survived"
    known = {"half": {"end": "survived", "by": "", "seconds": 1.0, "commit": "c", "date": "d"}}
    said = markdown([blind], known)
    assert "0 of 1 were found" in said
    assert "- `half`: a test is missing." in said


def test_a_test_that_fails_anyway_finds_nothing(toy: Path) -> None:
    (toy / "test_broken.py").write_text("def test_no():\n    assert False\n")
    found = tried(replace(HALF, tests=("test_broken.py",)), toy, 60)
    assert found.end == "error"
    assert "fails without it too" in found.by


def test_what_does_not_fit_is_named(toy: Path) -> None:
    assert "occurs 0 times" in replace(HALF, old="return 3 * x").misfit(toy)
    assert "occurs 2 times" in replace(HALF, old="x").misfit(toy)
    assert "no file gone.py" in replace(HALF, file="gone.py").misfit(toy)
    with pytest.raises(SystemExit, match="occurs 0 times"):
        tried(replace(HALF, old="return 3 * x"), toy, 60)


def test_what_can_not_be_copied_or_written_is_said_at_once(toy: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no clone made by git"):
        copy_tree(tmp_path, toy)
    with pytest.raises(SystemExit, match=r"ends in \.json, got .*\.md"):
        main(write=tmp_path / "table.md")


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    entry = '[half]\nlayer = "a"\nfile = "b"\nold = "c"\nnew = "d"\nbreaks = "e"\ntests = []\n'
    for name in ("one.toml", "two.toml"):
        (tmp_path / name).write_text(entry)
    with pytest.raises(ValueError, match="'half'"):
        read(tmp_path)
