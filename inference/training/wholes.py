"""Refuses to train latents of all data against minibatches that pass for all."""

from __future__ import annotations

import warnings
from typing import Any

from inference.engines.structure import Structure
from inference.engines.wholes import counted_by_batch
from inference.errors import PairError
from inference.objectives import Objective


def check_wholes(structure: Structure, rows: int, whole: int, objective: Any) -> None:
    """Check that latents of all data are weighed against all of them, not against a minibatch.

    Args:
        structure: of the pair on a minibatch.
        rows: how many rows a minibatch has.
        whole: how many there are in all.
        objective: a loss of the library's own is only warned of: the library trains the pair.

    Raises:
        PairError: naming latent and plate, and what to write in place of it.
    """
    said = "" if rows >= whole else counted_by_batch(structure, rows, whole)
    if said and isinstance(objective, Objective):
        raise PairError(said)
    if said:
        warnings.warn(said, UserWarning, stacklevel=4)
