"""The table of objectives: what each is called with, is, and needs of a pair.

python -m inference.objectives.table docs/objectives.md    # writes it between the two marks
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from inference.objectives.registry import own_kinds

if TYPE_CHECKING:
    from inference.objectives._objective import Objective

BEGIN, END = "<!-- objectives -->\n", "<!-- end of objectives -->\n"
_MOST = 5  # settings that a call is written with


def rows(kinds: Iterable[type[Objective]]) -> list[tuple[str, str, str]]:
    """Of each class the call, its docstring's first sentence, and what it needs of a pair."""
    return [(_call(kind), _sentence(kind), _needs(kind)) for kind in kinds]


def as_markdown(kinds: Iterable[type[Objective]]) -> str:
    """The table, a line for each class."""
    lines = ["| objective | what it is | what it needs of a pair |", "|---|---|---|"]
    lines += [f"| `{call}` | {what} | {needs} |" for call, what, needs in rows(kinds)]
    return "".join(f"{line}\n" for line in lines)


def written_into(text: str) -> str:
    """A text with the table of the package's own objectives between the two marks.

    Raises:
        ValueError: if it lacks a mark.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the text must have the lines {BEGIN.strip()} and {END.strip()}.")
    return f"{before}{begin}\n{as_markdown(own_kinds())}\n{end}{after}"


def _call(kind: type[Objective]) -> str:
    names = list(inspect.signature(kind).parameters)
    if len(names) > _MOST:
        names = [*names[:_MOST], "..."]
    return f"{kind.__name__}({', '.join(names)})"


def _sentence(kind: type[Objective]) -> str:
    return (inspect.getdoc(kind) or "").partition("\n")[0].rstrip(".")


def _needs(kind: type[Objective]) -> str:
    """What it needs, in the order in which it is looked at; conditions once each."""
    found: dict[str, list[str]] = {}
    for requirement in kind.needs:
        found.setdefault(requirement.condition, []).append(requirement.words)
    return "; ".join(f"{when}{', '.join(words)}" for when, words in found.items())


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(written_into(path.read_text()))
