"""Checks of a pair against all of the data, of which the batch are some rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from inference.checking.context import Context
from inference.checking.definition import Mistake, Skip, check
from inference.program.global_latents import counted_by_batch
from inference.program.records import Array


@check(needs=("runs-together", "model-observes"))
def globals_count_once(context: Context) -> Iterator[Mistake]:
    """What is drawn for all rows is weighed against all rows."""
    if context.rows < 2:
        raise Skip("it takes a batch of two rows or more.")
    whole = context.rows_in_all
    if whole is not None and whole <= context.rows:
        raise Skip("the batch are all rows.")
    if not counted_by_batch(context.structure, context.rows, whole):
        return
    # What the guide draws in view of a batch is a latent of that batch, such as of one picture.
    own = context.guided_by_data
    takes_size = "data_size" in getattr(context.pair, "hyperparameters", {})
    said = counted_by_batch(context.structure, context.rows, whole, own, takes_size=takes_size)
    if said:
        yield Mistake(said, level="note" if whole is None else "error")


@check(needs=("runs-together", "guide-proposes-all", "gradients-exist"))
def parameters_follow_rows(context: Context) -> Iterator[Mistake]:
    """A guide's parameters for each row are taken by the row's index."""
    # Asks two rows, each alone, for the entries of a parameter that their densities move with.
    sizes = {
        plate.full_size
        for site in context.structure.proposals
        for plate in site.plates
        if plate.size == context.rows < plate.full_size
    }
    own = [n for n in context.guide.parameters if sizes & {*context.parameters[n].value.shape}]
    if not own:
        raise Skip("the guide has no parameters for each row of a known whole.")
    first, last = (_moved_by(context, row, own, sizes) for row in (0, context.rows - 1))
    for name in own:
        if first.get(name) is not None and first[name] == last.get(name):
            yield Mistake(
                f"the rows {0} and {context.rows - 1} of the batch both take entry {first[name]} "
                f"of {name!r}, which has an entry for each row of the whole: it is taken by the "
                "place in the batch. Index it by what the plate gives, as in `with plate as rows`, "
                "with plate(name, N, subsample=rows) of rows that come with the data.",
                next(iter(site.name for site in context.structure.proposals)),
            )


def _moved_by(context: Context, row: int, names: list[str], sizes: set[int]) -> dict[str, int]:
    """By parameter the one entry that the density of a row alone moves with."""
    batch, _ = context.taken(np.array([row]))
    alone = Context(context.pair, batch, context.engine)
    _ = alone.model
    slopes = alone.slopes("guide" if alone.holds_draws else "path").gradient
    found = {}
    for name in names:
        slope: Array | None = slopes.get(name)
        if slope is None:
            continue
        axis = next((i for i, n in enumerate(slope.shape) if n in sizes), None)
        if axis is None:
            continue
        entries = np.flatnonzero(np.moveaxis(slope, axis, 0).reshape(slope.shape[axis], -1).any(1))
        if len(entries) == 1:
            found[name] = int(entries[0])
    return found
