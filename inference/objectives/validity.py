"""Which objectives fit a pair, and why the others do not."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from inference.data.call import named_apart
from inference.errors import PairError
from inference.objectives.registry import refusals
from inference.objectives.rows_apart import looked_at
from inference.pairs import as_pair, called_with, explaining, fitted
from inference.program.batches import Form
from inference.program.engine import Engine
from inference.program.program import DRAWS
from inference.program.structure import Structure


@dataclass(frozen=True)
class Validity:
    """Which objectives fit a pair.

    Attributes:
        valid: the names of those that do.
        refused: the others, with the reason.
    """

    valid: tuple[str, ...]
    refused: dict[str, str]

    def __str__(self) -> str:
        lines = [f"valid: {', '.join(self.valid) or 'none'}"]
        return "\n".join([*lines, *(f"{names}: {said}" for names, said in self._reasons())])

    def _repr_html_(self) -> str:
        rows = [
            f"<tr><td>{html.escape(names)}</td><td>{html.escape(said)}</td></tr>"
            for names, said in self._reasons()
        ]
        valid = f"<p><b>valid</b> {html.escape(', '.join(self.valid) or 'none')}</p>"
        head = "<tr><th>objective</th><th>refused because</th></tr>"
        return f"{valid}<table>{head}{''.join(rows)}</table>" if rows else valid

    def _reasons(self) -> Iterator[tuple[str, str]]:
        """Names of objectives with one reason, and a sentence of it."""
        for why, names in by_reason(self.refused).items():
            yield ", ".join(names), self.refused[names[0]] if len(names) == 1 else f"each {why}"


def by_reason(refused: Mapping[str, str]) -> dict[str, list[str]]:
    """Names under the reason that they have in common, without the objective that it begins with.

    Args:
        refused: name to reason.
    """
    found: dict[str, list[str]] = {}
    for name, why in refused.items():
        found.setdefault(re.sub(rf"^{re.escape(name)}\([^)]*\) ", "", why), []).append(name)
    return found


def valid_objectives(pair: Any, *batch: Any, engine: str | None = None, **named: Any) -> Validity:
    """Which objectives of the zoo train a pair, and why the others would be refused.

    Runs the pair once, on some rows of data, and asks each objective with its usual settings.

    Args:
        pair: a pair, a run, or a `(model, guide)` tuple of any Pyro or NumPyro program.
        *batch: what model and guide take, some rows of each array; or a tuple of them.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.
        **named: what they take by name; a dictionary of it does as well.

    Raises:
        ArgumentError: if it is no pair, or the engine cannot be told.
        DataError: if the batch holds no arrays of numbers.
        PairError: if the pair fails on the batch, with the line of the program.
    """
    args, named = named_apart(as_pair(pair)[0], batch, named)
    found = fitted(pair, engine=engine, batch=Form(args, named))
    given = called_with(found, args, named)
    try:
        seen = explaining(lambda rows: given.backend.structure(given.pair, rows), given.arrays)
    except PairError as error:
        if batch or named:
            raise
        said = "No batch was given: pass some rows of data, as in valid_objectives(pair, x[:10])."
        raise PairError(f"{error} {said}") from error
    return valid_for(whole_look(given.backend, given.pair, given.arrays, seen))


def whole_look(backend: Engine, pair: Any, rows: Any, structure: Structure) -> Structure:
    """The structure with all that any objective asks and a plain look does not tell.

    Args:
        backend: the engine.
        pair: the pair.
        rows: data to look at it on.
        structure: its sites and plates on them.
    """
    found = looked_at(backend, pair, rows, structure)
    if not (structure.can_draw and structure.observed):
        # Only what learns by the model's draws does without the guide. Of a generator without a
        # likelihood no density has the parameters.
        return found
    try:
        twin = backend.snapshot(pair, rows, 0)
        groups = backend.parameter_groups(twin, rows)
        if not {*groups.values()} - {"guide"}:
            return replace(found, still=frozenset(("", *DRAWS)))
        learns = backend.means_learn(twin, rows)
    except Exception:  # whatever it is, who trains the pair meets it next
        return found
    return found if learns else replace(found, still=frozenset({"mean"}))


def valid_for(structure: Structure) -> Validity:
    """The same for sites and plates that are known."""
    asked = refusals(structure)
    return Validity(
        tuple(name for name, why in asked.items() if why is None),
        {name: why for name, why in asked.items() if why is not None},
    )
