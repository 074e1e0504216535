"""Refuses to train latents of all data against minibatches that pass for all."""

from __future__ import annotations

from typing import Any

from inference.checking.context import Context
from inference.errors import PairError, warn_user
from inference.objectives import Objective
from inference.program.batches import Batch
from inference.program.global_latents import counted_by_batch
from inference.program.structure import Structure


def check_wholes(
    structure: Structure,
    pair: Any,
    batch: Batch,
    engine: str,
    whole: int,
    objective: Any,
) -> None:
    """Check that latents of all data are weighed against all of them, not against a minibatch.

    Args:
        structure: of the pair on a minibatch.
        pair: the pair.
        batch: the minibatch.
        engine: the pair's.
        whole: how many rows there are in all.
        objective: a loss of the library's own is only warned of: the library trains the pair.

    Raises:
        PairError: naming latent and plate, and what to write in place of it.
    """
    said = counted(structure, pair, batch, engine, whole) if batch.rows < whole else ""
    if said and isinstance(objective, Objective):
        raise PairError(said)
    if said:
        warn_user(said)


def counted(
    structure: Structure,
    pair: Any,
    batch: Batch,
    engine: str,
    whole: int | None = None,
) -> str:
    """What is wrong with a minibatch that passes for all data; empty if nothing is.

    What the guide draws in view of a batch is a latent of that batch, such as of one picture.
    """
    rows = batch.rows
    if structure.varying:
        return ""  # sites that come and go with the draws of a batch are that batch's
    if not counted_by_batch(structure, rows, whole):
        return ""
    try:
        args, kwargs = batch.form.fill(batch.arrays)
        own = Context(pair, args, engine, named=kwargs).guided_by_data
    except Exception:  # it cannot be told
        return ""
    takes_size = "data_size" in getattr(pair, "hyperparameters", {})
    return counted_by_batch(structure, rows, whole, own, takes_size=takes_size)
