"""Checks that model and guide follow the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from inference.checking.context import Context
from inference.checking.definition import Mistake, Skip, check


@check(needs=("runs-together", "model-observes"))
def data_matter(context: Context) -> Iterator[Mistake]:
    """The model's log density depends on the data."""
    if not context.batch or context.rows < 2:
        raise Skip("it takes a batch of two rows or more.")
    others = list(_rearranged(context.batch, context.rows))
    if not others:
        raise Skip("all rows of the batch are equal.")
    if all(_sees_the_same(context, other) for other in others):
        name = next(n for n, run in context.model.sites.items() if run.site.observed)
        yield Mistake(
            f"what the model observes stays as it is when the rows of the batch change places, so "
            f"it is not the data; give {name!r} obs= the batch.",
            name,
            context.line(name),
        )
        return
    for name in _the_same_in_each_run(context):
        yield Mistake(
            f"the plate around {name!r} takes some of the {context.rows} rows, others in each run, "
            f"but {name!r} observes the same in all runs; take the rows that the plate gives, as "
            "in `with plate(...) as rows: ... obs=x[rows]`, or subsample(x, event_dim=0).",
            name,
            context.line(name),
        )


def _the_same_in_each_run(context: Context) -> Iterator[str]:
    """What is observed in a plate that draws its rows out of the batch, and does not follow it.

    It is the first of the rows in each run. A guide may have drawn the rows, which then stay.
    """
    found: dict[str, int] = {}
    for name, run in context.prior.sites.items():
        drawn = (p for p in run.site.plates if p.size != p.full_size == context.rows)
        size = next((plate.size for plate in drawn), 0)
        if run.site.observed and size and len(np.unique(run.value)) > 1:
            found[name] = size
    arrays = [a for a in context.batch if isinstance(a, np.ndarray)]
    given = {len(a) for a in arrays if a.dtype.kind in "iu" and a.ndim}  # it may be told its rows
    found = {
        name: size
        for name, size in found.items()
        if size not in given
        and any(np.array_equal(context.prior.sites[name].value, a[:size]) for a in arrays if a.ndim)
    }
    for rng_seed in range(1, 9 if found else 1):
        run = context.probe.record(
            "model", context.batch, context.instead_of_the_prior, rng_seed=rng_seed
        )
        for name in list(found):
            same = name in run.sites and np.array_equal(
                run.sites[name].value, context.prior.sites[name].value
            )
            if not same:
                del found[name]
    yield from found


def _rearranged(batch: Sequence[Any], rows: int) -> Iterator[tuple[Any, ...]]:
    """Batches of the same rows at other places, and of the same single numbers.

    One may look the same to a model that takes some of the rows, which another does not.
    """
    singles = [n for n, a in enumerate(batch) if isinstance(a, np.ndarray) and not a.ndim]
    for shift in sorted({1, 2, 3, rows // 2, rows - 1} & set(range(1, rows))):
        other = list(batch)
        for n, array in enumerate(batch):
            if isinstance(array, np.ndarray) and array.ndim:
                other[n] = np.roll(array, shift, axis=0)
        for n, place in enumerate(singles):
            other[place] = batch[singles[(n + shift) % len(singles)]]
        if not all(np.array_equal(a, b) for a, b in zip(other, batch, strict=True)):
            yield tuple(other)


def _sees_the_same(context: Context, other: tuple[Any, ...]) -> bool:
    """Whether the model observes the same with the same density."""
    seen = context.probe.record("model", other, context.latents)
    pairs = [(run, seen.sites[n]) for n, run in context.model.sites.items() if n in seen.sites]
    return all(
        np.array_equal(a.value, b.value) and np.array_equal(a.log_prob, b.log_prob)
        for a, b in pairs
        if a.site.observed
    )


@check(needs=("runs-together",))
def guide_sees_data(context: Context) -> Iterator[Mistake]:
    """The guide depends on the data."""
    if not context.latents or context.rows < 2:
        raise Skip("there are no latents, or one row only.")
    if not context.holds_draws:
        raise Skip("the guide has no density of given values: a point, or a flow without inverse.")
    backwards = np.arange(context.rows)[::-1]
    other, _ = context.taken(backwards)
    seen = context.probe.record("guide", other, context.latents).total
    here = context.proposed.total
    if np.isclose(seen, here, rtol=1e-7, atol=0):
        raise Skip(
            "the guide proposes the same for any data. That is right for latents of the whole data "
            "set and for one parameter per datum, and wrong for an amortised guide."
        )
    yield from ()
