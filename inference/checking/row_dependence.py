"""Rows whose densities depend on the batch and are right: series, walks, and weights by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from inference.checking.context import Context
from inference.checking.definition import Mistake
from inference.program.records import Recorded, RecordedSite

_RELATIVE = 1e-3  # float32, and sums in another order


def by_its_place(part: str, name: str, line: str) -> Mistake:
    """What is said of a site that has a place."""
    return Mistake(
        f"the log density of {name!r} in the {part} depends on where a row stands, as in a series: "
        "that is right for all rows at once. To train it in minibatches, give it the places beside "
        "the data.",
        name,
        line,
        level="limit",
    )


def has_a_place(context: Context, part: str, name: str) -> bool:
    """Whether a row's density is another at another place, and never for the other rows."""
    turned = np.roll(np.arange(context.rows), 1)
    whole = context.model if part == "model" else context.proposed
    run = context.probe.record(part, *context.taken(turned)).sites.get(name)
    was, now = context.per_row(whole.sites[name]), None if run is None else context.per_row(run)
    if was is None or now is None or np.allclose(now, was[turned], _RELATIVE, equal_nan=True):
        return False
    return _by_place_alone(context, part, name)


def _by_place_alone(context: Context, part: str, name: str) -> bool:
    """Whether a row's density stays as it is while the other rows become others."""
    whole = context.model if part == "model" else context.proposed
    for kept, others in ((context.rows - 1, 0), (0, context.rows - 1)):
        index = np.full(context.rows, others)
        index[kept] = kept
        run = context.probe.record(part, *context.taken(index)).sites.get(name)
        if not _stays(context, kept, whole.sites[name], run):
            return False
    return True


def _stays(context: Context, row: int, whole: RecordedSite, run: RecordedSite | None) -> bool:
    """Whether a row's density is what it was."""
    was, now = context.per_row(whole), None if run is None else context.per_row(run)
    if was is None or now is None or now.shape != was.shape:
        return False
    return bool(np.isclose(now[row], was[row], _RELATIVE, equal_nan=True))


def walks(context: Context, name: str) -> bool:
    """Whether a site goes on from the latents of the rows before, as a random walk does.

    Of a program with parameters for each row, which are trained on all rows at once: others' data
    change no density of a row, nor do latents of rows after it.
    """
    if not context.bound_to_rows("guide"):
        return False
    first, last = np.full(context.rows, context.rows - 1), np.zeros(context.rows, int)
    first[0], last[-1] = 0, context.rows - 1  # all others become like the last, like the first
    of_others = context.taken(last)[0], context.latents

    def stays(row: int, batch: Any, latents: Any) -> bool:
        run = context.probe.record("model", batch, latents).sites.get(name)
        return _stays(context, row, context.model.sites[name], run)

    if not (stays(-1, *of_others) and stays(0, *context.taken(first))):
        return False
    return not stays(-1, *context.taken(last))


def is_walk(name: str, line: str) -> Mistake:
    """What is said of a site that walks."""
    return Mistake(
        f"the log density of {name!r} in the model goes on from the latents of the rows before, as "
        "in a random walk. That is right for all rows at once and a bound of all of them, such as "
        "ELBO()'s; no row has a weight of its own, as IWAE() and log_likelihood take it. Draw such "
        "latents in one event, outside of the data's plate, and these are refused.",
        name,
        line,
        level="limit",
    )


def weighed_by_hand(context: Context, part: str, whole: Recorded) -> bool:
    """Whether a row of a smaller batch has more weight, as it stands for more of the data."""
    plates = [plate for run in whole.sites.values() for plate in run.site.plates]
    if any(plate.size != plate.full_size for plate in plates):  # what a plate does is no handwork
        return False
    twice = context.taken(np.concatenate([np.arange(context.rows)] * 2))
    return weighs_for_all(context, whole, context.probe.record(part, *twice), part)


def weighs_for_all(context: Context, once: Recorded, twice: Recorded, part: str) -> bool:
    """Whether rows are weighed by hand so that a batch of any size counts as all of the data.

    As N / n beside a global latent, or 1 / n where the latent has 1 / N: rows that come twice then
    weigh half as much each, beside latents of all rows that stay as they are. Where the number of
    all rows is not known, a weight of fewer than the batch has is none of these.
    """
    local = {n for n, run in once.sites.items() if run.axis(context.data_plates) is not None}
    if not all(
        np.isclose(twice.sites[n].total, run.total, _RELATIVE, 1e-3, equal_nan=True)
        for n, run in once.sites.items()
        if n in local or part == "model"
    ):
        return False
    rows = [run.scale for n, run in context.model.sites.items() if n in local]
    shared = [run.scale for n, run in context.model.sites.items() if n not in local]
    if not rows or not shared or min(shared) <= 0:
        return False
    counted, whole = rows[0] * context.rows / shared[0], context.rows_in_all
    if whole is None:
        return counted > context.rows * (1 - _RELATIVE)
    return bool(np.isclose(counted, whole, _RELATIVE))
