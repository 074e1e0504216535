"""What takes rows one by one, refused where rows hang together by their latents.

A weight of a row's own is none of log p(x) where the row's density changes with the latents of
others: the product of the rows' mean weights may lie above p(x). A score that sees the costs of its
own row alone misses those of the rows that its draw changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from inference.data.pair_arrays import is_of_the_zoo
from inference.errors import ObjectiveError
from inference.objectives.requirements import WEIGHTS
from inference.program.coupling import WHY, rows_hang_together

if TYPE_CHECKING:
    from inference.objectives._objective import Objective
    from inference.program.engine import Engine
    from inference.program.structure import Structure


def looked_at(
    backend: Engine,
    pair: Any,
    rows: Any,
    structure: Structure,
    objectives: Iterable[Objective] | None = None,
) -> Structure:
    """The structure with whether rows hang together, where that matters to any of the objectives.

    Args:
        backend: the engine.
        pair: the pair; those of the zoo have rows that are independent.
        rows: data to look at it on.
        structure: its sites and plates on them.
        objectives: who asks; None where it matters in any case.
    """
    asked = objectives is None or any(takes_rows_apart(each, structure) for each in objectives)
    if is_of_the_zoo(pair) or not asked:
        return structure
    together = rows_hang_together(backend, pair, rows, structure, training=True)
    return replace(structure, coupled=True) if together else structure


def takes_rows_apart(objective: Objective, structure: Structure) -> bool:
    """Whether an objective weighs or scores draws row by row."""
    weighs = WEIGHTS in getattr(objective, "needs", ()) and objective.draws_per_datum(structure) > 1
    return weighs or bool(_scored(objective, structure))


def check_rows_apart(objective: Objective, structure: Structure) -> None:
    """Refuse rows that hang together, of an objective that takes them one by one.

    Raises:
        ObjectiveError: saying how such a program is to be written.
    """
    if not structure.coupled or not takes_rows_apart(objective, structure):
        return
    scored = _scored(objective, structure)
    if scored:
        raise ObjectiveError(
            f"{objective!r} scores draws of {scored[0]!r} by the costs of their own rows, which a "
            f"plate says are independent, but {WHY}."
        )
    raise ObjectiveError(
        f"{objective!r} takes a weight of each row's own, but {WHY}; or use ELBO(), which needs no "
        "weights."
    )


def _scored(objective: Objective, structure: Structure) -> list[str]:
    """The latents that the objective scores or sums over, datum by datum."""
    if not (objective.uses_guide and objective.scores_rows):
        return []
    drawn = [site.name for site in structure.proposals if not site.reparameterised]
    return [*drawn, *sorted(structure.left_out)]
