"""The certificate as one file: sections of tables, each with its date and versions.

A section that is measured again takes the place of the old one; the others stay as they are.
"""

from __future__ import annotations

import datetime
from importlib import metadata
from pathlib import Path

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
    """Put sections into a file, in place of those of the same title.

    Args:
        path: the file; made if it is not there.
        found: title to text.
        seconds: how long all of them took to measure.
    """
    kept = sections(path.read_text()) if path.exists() else {}
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in _MEASURED_WITH)
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    stamp = f"Measured on {today} in {seconds / 60:.0f} minutes with {versions}."
    kept |= {title: f"{stamp}\n\n{text}" for title, text in found.items()}
    ordered = [*(t for t in ORDER if t in kept), *(t for t in kept if t not in ORDER)]
    body = "\n\n".join(f"## {title}\n\n{kept[title]}" for title in ordered)
    path.write_text(f"{TITLE}\n\n{_INTRODUCTION}\n\n{body}\n")
