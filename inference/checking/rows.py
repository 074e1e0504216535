"""Checks that rows are what they should be to each other: independent, and counted once each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from inference.checking.context import Context
from inference.checking.definition import Mistake, Skip, check
from inference.checking.row_dependence import (
    by_its_place,
    has_a_place,
    is_walk,
    walks,
    weighed_by_hand,
    weighs_for_all,
)
from inference.program.records import Recorded

_RELATIVE = 1e-3  # float32, and sums in another order


def _runs(context: Context, index: np.ndarray) -> Iterator[tuple[str, Recorded, Recorded]]:
    """Model and guide on all rows, and on the rows of an index at the same latents."""
    batch, latents = context.taken(index)
    for part in _parts(context):
        whole = context.model if part == "model" else context.proposed
        yield part, whole, context.probe.record(part, batch, latents)


def _parts(context: Context) -> list[str]:
    """Model and guide, as far as they can be run on other rows."""
    if not context.data_plates:
        raise Skip("there is no plate with a row for each row of the batch.")
    if context.rows < 2:
        raise Skip("it takes a batch of two rows or more.")
    if any(context.packs(name) for name in context.prior.sites if name in context.guide.sites):
        raise Skip("the guide draws the latents of all rows at once.")
    bound = {part: context.bound_to_rows(part) for part in ("model", "guide")}
    free = [part for part, why in bound.items() if not why]
    if not free:
        raise Skip(bound["model"])
    return [part for part in free if part == "model" or context.holds_draws]


def _compare(context: Context, index: np.ndarray, how: str, remedy: str) -> Iterator[Mistake]:
    for part, whole, chosen in _runs(context, index):
        for name, run in whole.sites.items():
            expected = context.per_row(run)
            other = chosen.sites.get(name)
            if expected is None or other is None:
                continue
            came, want = context.per_row(other), expected[index]
            if came is None or came.shape != want.shape:
                of = "no row" if came is None else f"{len(came)} rows"
                yield Mistake(
                    f"the log density of {name!r} in the {part} should be of {len(want)} rows "
                    f"where so many come, got {of}; write the plate's size as len(x).",
                    name,
                    run.line,
                )
                continue
            size = np.abs(expected[np.isfinite(expected)]).max(initial=0) + 1
            if not np.allclose(came, want, _RELATIVE, 1e-4 * size, equal_nan=True):
                row = int(np.abs(came - want).argmax())
                if part == "model" and walks(context, name):
                    yield is_walk(name, run.line)
                    return
                if weighed_by_hand(context, part, whole):
                    return
                if has_a_place(context, part, name):
                    yield by_its_place(part, name, run.line)
                    return
                yield Mistake(
                    f"the log density of {name!r} in the {part} for row {int(index[row])} "
                    f"should be "
                    f"{want[row]:.6g} {how}, got {came[row]:.6g}; {remedy}",
                    name,
                    run.line,
                )


@check(needs=("runs-together", "guide-proposes-all", "local-latents-per-row"))
def rows_change_places(context: Context) -> Iterator[Mistake]:
    """Rows in another order have the same densities in that order."""
    index = np.roll(np.arange(context.rows), 1)
    yield from _compare(
        context,
        index,
        "wherever the row stands",
        "look for a reshape, a cumulative sum or an index that mixes rows.",
    )


@check(needs=("runs-together", "guide-proposes-all", "local-latents-per-row"))
def rows_alone(context: Context) -> Iterator[Mistake]:
    """A row has the same density alone as in a batch."""
    yield from _compare(
        context,
        np.array([context.rows - 1]),
        "alone as well as in the batch",
        "something in it is worked out over the batch, such as a mean, a softmax over dim 0, a "
        "division by len(x), or batch normalisation.",
    )


@check(needs=("runs-together", "guide-proposes-all", "local-latents-per-row"))
def rows_count_once_each(context: Context) -> Iterator[Mistake]:
    """The same rows twice have twice the log density."""
    index = np.concatenate([np.arange(context.rows)] * 2)
    # Of one row, because a plate whose whole is this very batch looks like one of its size.
    alone = [run for *_, run in _runs(context, np.array([context.rows - 1]))]
    if any(
        plate.size != plate.full_size < len(index)
        for run in (context.model, context.guide, *alone)
        for site in run.sites.values()
        for plate in site.site.plates
    ):
        raise Skip("twice the rows are more than a plate says there are in all.")
    for part, whole, double in _runs(context, index):
        local = [n for n, s in whole.sites.items() if s.axis(context.data_plates) is not None]
        # What a guide proposes for a latent of all rows may well be made of all rows.
        counted = local if part == "guide" else list(whole.sites)
        once, twice = (
            sum(run.sites[n].total / context.subsampling(run.sites[n].site) for n in counted)
            for run in (whole, double)
        )
        again = sum(
            whole.sites[name].total / context.subsampling(whole.sites[name].site) for name in local
        )
        if not np.isclose(twice, once + again, _RELATIVE, 1e-3, equal_nan=True):
            if weighs_for_all(context, whole, double, part):
                continue
            walking = [n for n in local if part == "model" and walks(context, n)]
            if walking:
                yield is_walk(walking[0], whole.sites[walking[0]].line)
                continue
            placed = next((name for name in local if has_a_place(context, part, name)), "")
            if placed:
                yield by_its_place(part, placed, whole.sites[placed].line)
                continue
            shared = _shared_that_follow(context, whole, double) if part == "model" else []
            if shared:
                yield Mistake(
                    f"the prior of {shared[0]!r}, which all rows share, depends on the rows. That "
                    "is right for all rows at once; in minibatches it would be another prior in "
                    "each.",
                    shared[0],
                    whole.sites[shared[0]].line,
                    level="limit",
                )
                continue
            yield Mistake(
                f"the {part}'s log density of the same {context.rows} rows twice should be "
                f"{once + again:.6g}, got {twice:.6g}; sum over rows, do not average, and let "
                "no scale depend on len(x) but for a plate's own."
            )


def _shared_that_follow(context: Context, once: Recorded, twice: Recorded) -> list[str]:
    """Latents of all rows whose density is another where rows come twice; none if rows' are, too.

    Such as weights with a prior made of the design, or a place in a series.
    """
    follow = []
    for name, run in once.sites.items():
        local = run.axis(context.data_plates) is not None
        scale = [context.subsampling(each.sites[name].site) for each in (once, twice)]
        was, now = run.total / scale[0], twice.sites[name].total / scale[1]
        if np.isclose(now, was * (1 + local), _RELATIVE, 1e-3, equal_nan=True):
            continue
        if local or run.site.observed:
            return []
        follow.append(name)
    return follow


@check(needs=("runs-together",))
def other_batch_sizes(context: Context) -> Iterator[Mistake]:
    """The pair takes batches of other sizes."""
    fixed = {
        part: why for part, why in context.fixed_rows.items() if context.bound_to_rows(part) == why
    }
    for why in fixed.values():
        yield Mistake(
            f"{why} That is right for a program of all rows at once; to train it in "
            "minibatches, write the plate's size as len(x), beside global latents as "
            "plate(name, N, subsample_size=len(x)).",
            level="limit",
        )
    if fixed:
        return
    for part, _, run in _runs(context, np.array([context.rows - 1])):
        for name, site in run.sites.items():
            was = (context.guide if part == "guide" else context.prior).sites.get(name)
            if was is None or was.axis(context.data_plates) is None:
                continue
            sizes = {plate.size for plate in site.site.plates}
            if 1 not in sizes:
                yield Mistake(
                    f"with one row, {name!r} in the {part} still lies in plates of "
                    f"sizes {sorted(sizes)}; write the plate's size as len(x).",
                    name,
                    site.line,
                )
