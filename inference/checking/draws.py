"""Checks of a model that draws data: as many rows as asked for, which it can score itself."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from inference.checking.context import Context
from inference.checking.definition import Mistake, Skip, check
from inference.program.records import Recorded, RecordedSite


def _drawn(context: Context) -> Recorded:
    if not context.structure.can_draw:
        raise Skip("the model takes no size=, so it draws no data; write model(x=None, *, size=1).")
    given = tuple(context.batch)
    return context.probe.record("model", given, rng_seed=5, size=context.rows)


@check(needs=("runs-together",))
def model_draws(context: Context) -> Iterator[Mistake]:
    """The model draws data: model(None, size=n)."""
    _ = _drawn(context)
    yield from ()


def _generated(context: Context) -> str:
    sites = [s for s in context.structure.observed if s.argument == 0]
    if not sites:
        raise Skip("no site observes the first array as it is.")
    return sites[0].name


@check(needs=("model-draws",))
def draws_look_like_data(context: Context) -> Iterator[Mistake]:
    """What it draws has the shape of the data, a row for each that was asked for."""
    run, name = _drawn(context), _generated(context)
    if name not in run.sites:
        yield Mistake(f"model(None, size=n) has no site {name!r}; draw it there, with obs=None.")
        return
    came, expected = run.sites[name].value.shape, context.batch[0].shape
    if came != expected:
        yield Mistake(
            f"model(None, size={context.rows}) draws {name!r} of shape {came}, but the data have "
            f"{expected}; let the plate's size be `size` where x is None.",
            name,
            run.sites[name].line,
        )


@check(needs=("model-draws",))
def returns_a_point(context: Context) -> Iterator[Mistake]:
    """It returns a point of data space for each row."""
    run, expected = _drawn(context), context.batch[0].shape
    returned = run.returned
    sites = run.sites.items() if returned is not None and returned.shape != expected else ()
    other = [name for name, site in sites if np.array_equal(np.asarray(returned), site.value)]
    if other:
        yield Mistake(
            f"model(None, size={context.rows}) returns what it draws as {other[0]!r}, and not the "
            f"likelihood's mean of its first argument, of shape {expected}. That is right under "
            "objectives of likelihoods; MMD and Adversarial then need draw='sample' or 'score'.",
            level="limit",
        )
    elif returned is None and len(run.computed) == 1 and not context.structure.observed:
        return  # a generator whose deterministic statement is what it draws
    elif returned is None:
        yield Mistake(
            f"model(None, size={context.rows}) returns nothing. That is right under objectives of "
            "likelihoods; MMD and Adversarial compare the likelihood's mean, of shape "
            f"{expected}: end the model with a return of it, or take draw='sample' or 'score'.",
            level="limit",
        )
    elif returned.shape != expected:
        yield Mistake(
            f"model(None, size={context.rows}) should return the likelihood's mean, of shape "
            f"{expected}, and returns shape {returned.shape}; end the model with such a return."
        )


def _unscaled(site: RecordedSite) -> float:
    """A site's log density without the weight of a minibatch, which what is drawn need not have."""
    return site.total / math.prod(plate.full_size / plate.size for plate in site.site.plates)


@check(needs=("draws-look-like-data",))
def draw_then_score(context: Context) -> Iterator[Mistake]:
    """Data that the model draws have the density under which they were drawn."""
    run, name = _drawn(context), _generated(context)
    data = run.sites[name].value.astype(context.batch[0].dtype)
    held = {n: s.value for n, s in run.sites.items() if n != name}
    scored = context.probe.record("model", (data, *context.batch[1:]), held)
    was, now = (_unscaled(each.sites[name]) for each in (run, scored))
    if not np.isclose(was, now, rtol=1e-3, atol=1e-2):
        yield Mistake(
            f"{name!r} is drawn with log density {was:.6g} and scored {now:.6g} at the same "
            f"values; "
            "the model must be the same function with data and without.",
            name,
            run.sites[name].line,
        )
