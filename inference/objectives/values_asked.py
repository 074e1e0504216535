"""What only values tell of a pair, asked once where an objective is a loss of a library's own SVI.

`fit` asks the same of the first batch: whether rows hang together by their latents, and whether the
density jumps between the values of draws that are relaxed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.data.pair_arrays import is_of_the_zoo
from inference.engines import load_engine
from inference.objectives.relaxed_draws import check_follows
from inference.objectives.rows_apart import looked_at

if TYPE_CHECKING:
    from inference.objectives._objective import Objective
    from inference.program.engine import Rows
    from inference.program.structure import Structure


def ask_of_values(
    objective: Objective, engine: str, pair: Any, rows: Rows, structure: Structure
) -> None:
    """Refuse what `fit` would refuse for its values.

    Args:
        objective: the loss.
        engine: whose the pair is.
        pair: model and guide.
        rows: what they take by position.
        structure: their sites and plates on it.

    Raises:
        ObjectiveError: naming what does not fit, and what would.
    """
    if not rows:
        return
    whose = getattr(pair[0], "__self__", None)  # of a pair of the zoo, whose rows are independent
    asked = whose if is_of_the_zoo(whose) else pair
    objective.require(looked_at(load_engine(engine), asked, rows, structure, [objective]))
    check_follows(pair, engine, objective, structure, rows)
