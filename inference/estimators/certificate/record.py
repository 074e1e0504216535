"""The certificate as one file: sections of tables, each with its date and versions.

A section that is measured again takes the place of the old one; the others stay as they are.
"""

from __future__ import annotations

import datetime
import re
from importlib import metadata
from pathlib import Path

from inference.training.writing import write_whole

TITLE = "# Certificate"
OBJECTIVES = "Objectives on every kind of latent"
BIAS = "Objectives that follow no bound's gradient"
UPSTREAM = "The libraries' own losses"
PROGRAMS = "Objectives on programs"
PROGRAMS_UPSTREAM = "The libraries' own losses on programs"
ENERGIES = "Objectives of densities up to a constant"
NOISE = "Noise beside globals"
ORDER = (OBJECTIVES, BIAS, UPSTREAM, PROGRAMS, PROGRAMS_UPSTREAM, ENERGIES, NOISE)
_INTRODUCTION = (
    "Mean gradients of every objective against exact ones, written by "
    "`ppl-zoo certify --write certificate.md`. What the programs are: "
    "`inference/estimators/certificate/cases.py` and `inference/estimators/certificate/programs/`."
)
_MEASURED_WITH = ("ppl-model-zoo", "pyro-ppl", "torch", "numpyro", "jax")


def sections(text: str) -> dict[str, str]:
    """The sections of a record by title."""
    parts = text.split("\n## ")[1:]
    return {title: body.strip() for title, _, body in (part.partition("\n") for part in parts)}


def columns_and_rows(section: str) -> tuple[list[str], list[str]]:
    """The names that head the columns and the rows of a section's table."""
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:1] == "|"]
    return lines[0][1:], [line[0] for line in lines[2:]]


def write(path: Path, found: dict[str, str], seconds: float) -> None:
    """Put sections into a file, in place of those of the same title; all else stays as it is.

    Args:
        path: the file; made if it is not there.
        found: title to text.
        seconds: how long all of them took to measure.

    Raises:
        OSError: if it cannot be read or written; it is then as it was.
    """
    device = path.exists() and not path.is_file()
    there = path.read_bytes().decode() if path.exists() and not device else ""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in _MEASURED_WITH)
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    stamp = f"Measured on {today} in {seconds / 60:.0f} minutes with {versions}."
    parts = _parts(there if there.strip() else f"{TITLE}\n\n{_INTRODUCTION}\n")
    for title in sorted(found, key=ORDER.index):
        place, taken = _place(title, [_title(part) for part in parts])
        if place and not parts[place - 1].endswith("\n\n"):
            parts[place - 1] = f"{parts[place - 1].rstrip()}\n\n"
        follows = "\n" * (place + taken < len(parts))
        parts[place : place + taken] = [f"## {title}\n\n{stamp}\n\n{found[title]}\n{follows}"]
    content = "".join(parts).encode()
    if device:
        path.write_bytes(content)
    else:
        write_whole(path.resolve(), content)  # a link stays one


def _parts(text: str) -> list[str]:
    """A file in pieces that begin at headings of the first two levels; the first may have none."""
    return [part for part in re.split(r"(?m)^(?=##? )", text) if part]


def _title(part: str) -> str:
    """The title of a section of a certificate; empty if it is another part of the file."""
    heading = part.partition("\n")[0].strip()
    title = heading.removeprefix("## ")
    return title if title in ORDER and heading != title else ""


def _place(title: str, titles: list[str]) -> tuple[int, int]:
    """Where a section goes among parts of these titles, and how many it takes the place of."""
    if title in titles:
        return titles.index(title), 1
    own = [place for place, each in enumerate(titles) if each]
    later = [p for p in own if ORDER.index(titles[p]) > ORDER.index(title)]
    return (later[0] if later else own[-1] + 1 if own else len(titles)), 0
