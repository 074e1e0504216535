"""Outcomes as a file of JSON, and as a table in Markdown beside it."""

from __future__ import annotations

import json
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
    """The table, and why those that live do no harm."""
    tried = [mutant for mutant in mutants if mutant.name in known]
    ends = [known[mutant.name]["end"] for mutant in tried]
    dates = sorted({known[mutant.name]["date"] for mutant in tried})
    lines = [
        "# Planted mistakes",
        "",
        f"{ends.count('killed')} of {len(ends)} were found by the suite"
        f"{f' ({dates[0]} to {dates[-1]})' if dates else ''}. Each was planted alone in a copy of",
        "the tree; a test counts that fails with it and passes without. Again:",
        "`python -m benchmarks.source_mutants --write FILE.json`.",
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
