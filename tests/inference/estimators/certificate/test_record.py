"""The certificate's file: it names what the tree has, and a part can be measured again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from inference.cli import app
from inference.engines import ENGINES
from inference.estimators.certificate import record
from inference.estimators.certificate.cases import CASES
from inference.estimators.certificate.certify import FAMILIES, Outcome, Setting, measure
from inference.estimators.certificate.noise import ORDERS, SIZES
from inference.estimators.certificate.programs import PROGRAMS

CERTIFICATE = Path(__file__).parents[4] / "certificate.md"
LABELS = [family.label for family in FAMILIES]


@pytest.mark.parametrize(
    ("title", "columns"),
    [(record.OBJECTIVES, list(CASES)), (record.PROGRAMS, list(PROGRAMS))],
)
def test_the_file_names_the_objectives_and_programs_of_the_tree(
    title: str, columns: list[str]
) -> None:
    """Where it does not: `ppl-zoo certify --write certificate.md`, with --case for a part."""
    section = record.sections(CERTIFICATE.read_text())[title]
    assert record.columns_and_rows(section) == (columns, LABELS)
    assert "Measured on " in section


def test_the_file_has_the_noise_of_every_order_and_size() -> None:
    section = record.sections(CERTIFICATE.read_text())[record.NOISE]
    assert len(record.columns_and_rows(section)[1]) == len(ENGINES) * len(ORDERS) * len(SIZES)


def test_a_section_takes_the_place_of_its_elder(tmp_path: Path) -> None:
    file = tmp_path / "certificate.md"
    record.write(file, {record.NOISE: "noisy", record.OBJECTIVES: "old"}, 60)
    record.write(file, {record.OBJECTIVES: "new"}, 120)
    found = record.sections(file.read_text())
    assert list(found) == [record.OBJECTIVES, record.NOISE]
    assert found[record.OBJECTIVES].endswith("new")
    assert "in 2 minutes with ppl-model-zoo " in found[record.OBJECTIVES]
    assert found[record.NOISE].endswith("noisy")


def test_what_stands_around_the_sections_stays(tmp_path: Path) -> None:
    file, link = tmp_path / "notes.md", tmp_path / "link.md"
    link.symlink_to(file)
    before = "# Mine\n\nWords.\n\n## Setup\n\n```\n# a comment\n```\n\n\n"
    after = "# More\n## Objectives of mine\nlast line without an end"
    old = f"## {record.PROGRAMS}\n\nold\n\n### within\n"
    file.write_bytes((before + old + after).encode())
    record.write(link, {record.NOISE: "noisy", record.PROGRAMS: "p", record.BIAS: "b"}, 60)
    text = file.read_text()
    assert text.startswith(before + f"## {record.BIAS}\n\nMeasured")
    assert text.endswith("\n\n" + after)
    assert "old" not in text
    assert link.is_symlink()
    places = [text.index(f"## {title}\n") for title in (record.BIAS, record.PROGRAMS, record.NOISE)]
    assert places == sorted(places)
    file.write_bytes(b"\xff\xfe")
    done = CliRunner().invoke(app, ["certify", "--draws", "1000", "--write", str(file)])
    assert done.exit_code == 2
    assert "the file holds no text" in done.output


def test_the_command_writes_what_it_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_this_process(
        chosen: Sequence[Setting], draws: int, *, workers: int, report: Callable[[int], None]
    ) -> list[Outcome]:
        report(workers)
        return [measure(setting, draws) for setting in chosen]

    monkeypatch.setattr("inference.estimators.certificate.workers.certify", in_this_process)
    file = tmp_path / "certificate.md"
    words = ["certify", "--case", "switched", "--objective", "ELBO", "--objective", "VIMCO"]
    words += ["--engine", "pyro", "--no-upstream", "--no-noise", "--draws", "1000"]
    done = CliRunner().invoke(app, [*words, "--write", str(file)])
    assert done.exit_code == 0, done.output
    found = record.sections(file.read_text())
    assert list(found) == [record.PROGRAMS]
    assert record.columns_and_rows(found[record.PROGRAMS]) == (["switched"], ["ELBO", "VIMCO"])
    assert "| VIMCO | - |" in found[record.PROGRAMS]
    assert "switched" in done.output
