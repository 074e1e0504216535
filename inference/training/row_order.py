"""Warns where rows that a program takes for one datum are cut into minibatches."""

from __future__ import annotations

from typing import Any

import numpy as np

from inference.checking.context import Context
from inference.errors import warn_user
from inference.program.batches import Batch
from inference.program.global_latents import same_scale_as
from inference.program.structure import Structure


def warn_of_cut_rows(
    structure: Structure, pair: Any, batch: Batch, engine: str, whole: int
) -> None:
    """Warn where no plate has the rows, and the program needs them together.

    A series is another one where its rows are shuffled, and the prior of a latent of all rows
    counts once in each minibatch. Rows that a program without a plate scores one by one, such as
    images, may well be cut.

    Args:
        structure: of the pair on a minibatch.
        pair: the pair.
        batch: the minibatch.
        engine: the pair's.
        whole: how many rows there are in all.
    """
    rows = batch.rows
    data = [site for site in structure.observed if site.factor is None and not site.training_only]
    if rows >= whole or not data or structure.varying:
        return
    if any(plate.size == rows for site in data for plate in site.plates):
        return
    try:
        args, kwargs = batch.form.fill(batch.arrays)
        why = _why(structure, Context(pair, args, engine, named=kwargs), data)
    except Exception:  # it cannot be told
        return
    if why:
        warn_user(
            f"{rows} of {whole} rows come at a time, in any order, but no plate has a row for each "
            f"of them, and {why}. Pass batch_size={whole} to train on all rows at once, in their "
            f"order; or, if rows are independent, open plate('data', {whole}, "
            "subsample_size=len(x)) around the sites of one row."
        )


def _why(structure: Structure, context: Context, data: list[Any]) -> str:
    """Why the rows belong together; empty if nothing says so."""
    own = context.guided_by_data
    for site in structure.latents:
        apart = structure.rows in site.whole_shape or site.name in own
        if not apart and same_scale_as(site, data[0]):
            return f"the prior of {site.name!r} would count once in each minibatch"
    run = context.model
    if run.noisy or run.learning:
        return ""
    order = np.random.default_rng(0).permutation(context.rows)
    batch, _ = context.taken(order)
    other = context.probe.record("model", batch, _moved(context, order))
    was, now = (sum(site.total for site in each.sites.values()) for each in (run, other))
    if np.isclose(was, now, rtol=1e-3, atol=1e-2):
        return ""
    return f"the log density of {data[0].name!r} depends on their order, as in a series"


def _moved(context: Context, order: np.ndarray) -> dict[str, np.ndarray]:
    """The guide's draws, with their rows in another order where they have an entry for each."""
    moved = {}
    for name, value in context.latents.items():
        axis = next((i for i, size in enumerate(value.shape) if size == context.rows), None)
        moved[name] = value if axis is None else np.take(value, order, axis=axis)
    return moved
