"""Which objectives fit a pair, and why the others do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.engines import engine_name, load_engine
from inference.engines.structure import Structure
from inference.errors import ObjectiveError, PairError
from inference.objectives._objective import Objective
from inference.objectives._parsing import EXAMPLES


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
        return "\n".join([*lines, *(f"{name}: {why}" for name, why in self.refused.items())])


def valid_objectives(pair: Any, *batch: Any, engine: str | None = None) -> Validity:
    """Which objectives of the zoo train a pair, and why the others would be refused.

    Runs the pair once, on some rows of data, and asks each objective with its usual settings.

    Args:
        pair: a pair, or a `(model, guide)` tuple of any Pyro or NumPyro program.
        *batch: the arrays that model and guide take, some rows of each.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.

    Raises:
        ArgumentError: if the engine cannot be told.
    """
    backend = load_engine(engine or engine_name(pair, batch))
    return valid_for(backend.structure(pair, tuple(map(np.asarray, batch))))


def valid_for(structure: Structure) -> Validity:
    """The same for sites and plates that are known."""
    refused = {}
    for objective in EXAMPLES:
        reason = _refusal(objective, structure)
        if reason is not None:
            refused[type(objective).__name__] = reason
    names = tuple(type(objective).__name__ for objective in EXAMPLES)
    return Validity(tuple(name for name in names if name not in refused), refused)


def _refusal(objective: Objective, structure: Structure) -> str | None:
    try:
        if objective.uses_guide:
            structure.check_match(summed=objective.summed(structure))
        objective.check(structure)
    except (ObjectiveError, PairError) as error:
        return str(error)
    return None
