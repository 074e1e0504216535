"""Outcomes as a file of JSON, and as a table in Markdown beside it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.source_mutants.mutant import Mutant

Entry = Mapping[str, Any]


def kept(path: Path) -> dict[str, Entry]:
    """The entries of a file by the names of mutants; none where there is no file."""
    if not path.exists():
        return {}
    return {entry["name"]: entry for entry in json.loads(path.read_text())["mutants"]}


def write(path: Path, mutants: Sequence[Mutant], known: Mapping[str, Entry]) -> None:
    """Write both files, with an entry for each mutant that was tried, in the mutants' order."""
    entries = [known[mutant.name] for mutant in mutants if mutant.name in known]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"mutants": entries}, indent=2) + "\n")
    path.with_suffix(".md").write_text(markdown(mutants, known))


def markdown(mutants: Sequence[Mutant], known: Mapping[str, Entry]) -> str:
    """The counts, the table, and why those that live do no harm."""
    tried = [mutant for mutant in mutants if mutant.name in known]
    ends = [known[mutant.name]["end"] for mutant in tried]
    dates = dict.fromkeys(sorted({known[mutant.name]["date"] for mutant in tried}))
    said = [
        f"{ends.count('killed')} of {len(ends)} were found by the suite ({', '.join(dates)}).",
        "Each was planted alone in a copy of the tree; a test counts that fails with it and passes",
        "without. They were chosen from the source before its tests were read. Again:",
        "`python -m benchmarks.source_mutants --write FILE.json`.",
    ]
    late = [f"`{mutant.name}`" for mutant in tried if mutant.lived]
    if late:
        said += [
            f"Before tests were written for what had lived, {len(late)} fewer were found:",
            f"{', '.join(late)}. That figure says more of mistakes that nobody has thought of.",
        ]
    lines = [
        "# Planted mistakes",
        "",
        textwrap.fill(" ".join(said), 100, break_on_hyphens=False, break_long_words=False),
        "",
        "| layer | mistake | in | found by | seconds | commit |",
        "|---|---|---|---|---|---|",
    ]
    for mutant in tried:
        entry = known[mutant.name]
        found = f"`{entry['by']}`" if entry["end"] == "killed" else f"**{entry['end']}**"
        words = [
            mutant.layer,
            f"`{mutant.name}`: {mutant.breaks}",
            f"`{mutant.file}`",
            found,
            f"{entry['seconds']:.0f}",
            entry["commit"],
        ]
        lines.append(f"| {' | '.join(word.replace('|', chr(92) + '|') for word in words)} |")
    left = [mutant for mutant in tried if known[mutant.name]["end"] != "killed"]
    if left:
        lines += ["", "Not found:", ""]
        lines += [f"- `{each.name}`: {each.harmless or 'a test is missing.'}" for each in left]
    return "\n".join(lines) + "\n"
