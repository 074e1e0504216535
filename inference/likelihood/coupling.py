"""Weights of a row's own, refused where rows hang together by their latents."""

from __future__ import annotations

from typing import Any

from inference.data.pair_arrays import is_of_the_zoo
from inference.data.rows import Arrays
from inference.errors import ObjectiveError
from inference.program.coupling import WHY, rows_hang_together
from inference.program.engine import Engine
from inference.program.structure import Structure


def check_rows_apart(
    backend: Engine, pair: Any, rows: Arrays, structure: Structure, what: str
) -> None:
    """Refuse a program of one's own in which a row's density changes with the latents of others.

    Args:
        backend: the engine.
        pair: the pair.
        rows: data to look at it on.
        structure: its sites and plates on them.
        what: wants a weight for each row; named in the error.

    Raises:
        ObjectiveError: saying what can be asked of such a pair.
    """
    if not is_of_the_zoo(pair) and rows_hang_together(backend, pair, rows, structure):
        raise ObjectiveError(
            f"{what} takes a weight of each row's own, but {WHY}; of the pair as it is, "
            "to_arviz(pair, x) has draws, and the bound of all rows is the loss that fit reports."
        )
