"""Checks of bounds on log p(x): below the evidence, and tighter with more particles."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from scipy.special import logsumexp

from inference.checking.context import Context
from inference.checking.definition import Mistake, Skip, check
from inference.checking.runs import PARTICLES
from inference.errors import ObjectiveError, PairError
from inference.program.records import Array, RecordedSite

_STATES = 32  # joint states to sum over
_ERRORS = 6.0  # standard errors: one false alarm in 10^9 for Gaussian errors


def _bounds(context: Context) -> tuple[Array, Array]:
    """log w of single draws and log of the mean of K weights, each (sets, rows)."""
    if not context.structure.proposals:
        raise Skip("there is nothing to draw.")
    try:
        few, many = context.log_weights
    except (ObjectiveError, PairError) as error:
        raise Skip(f"there are no weights per datum: {error}") from error
    return few, logsumexp(many, axis=1) - np.log(many.shape[1])


def evidence(context: Context) -> tuple[Array, str]:
    """Exact log p(x) of each row, and where it is from.

    Raises:
        Skip: where it is not known.
    """
    if hasattr(context.pair, "log_evidence"):
        return context.probe.log_evidence().astype(np.float64), "the pair's log_evidence"
    return _enumerated(context), "the sum over all states"


def _enumerated(context: Context) -> Array:
    sites = {n: r for n, r in context.model.sites.items() if not r.site.observed}
    if not sites or any(not r.site.family for r in sites.values()):
        raise Skip(
            "the evidence is not known: no log_evidence(x), and not all latents are discrete."
        )
    if any(r.axis(context.data_plates) is None or r.site.training_only for r in sites.values()):
        raise Skip("a discrete latent lies outside of the data's plate.")
    choices, count = {}, 1
    for name, run in sites.items():
        size = run.site.cardinality
        within = run.site.event_shape[:-1] if run.site.family == "one-hot" else run.site.event_shape
        entries = int(np.prod(within, dtype=int) * np.prod(run.site.batch_shape, dtype=int))
        entries //= context.rows
        if entries > 6 or count * size**entries > _STATES:
            raise Skip(f"there are more than {_STATES} joint states to sum over.")
        count *= size**entries
        choices[name] = [np.array(s) for s in itertools.product(range(size), repeat=entries)]
    terms = []
    for state in itertools.product(*choices.values()):
        held = {
            name: _everywhere(value, sites[name])
            for name, value in zip(choices, state, strict=True)
        }
        run = context.probe.record("model", context.batch, held)
        rows = [context.per_row(site) for site in run.sites.values()]
        terms.append(sum(row for row in rows if row is not None))
    return np.asarray(logsumexp(np.stack(terms), axis=0))


def _everywhere(value: Array, run: RecordedSite) -> Array:
    """One state of a site in each row."""
    site, like = run.site, run.value
    if site.family == "one-hot":
        value = np.eye(site.cardinality)[value].reshape(site.event_shape)
    else:
        value = value.reshape(site.event_shape)
    return np.broadcast_to(value, like.shape).astype(like.dtype)


_NEEDS = ("runs-together", "guide-proposes-all", "finite-log-p", "finite-log-q", "data-in-plate")


@check(needs=_NEEDS)
def bound_below_evidence(context: Context) -> Iterator[Mistake]:
    """The bound is below the exact log evidence."""
    exact, source = evidence(context)
    bound = _bounds(context)[0].sum(1)
    error = bound.std(ddof=1) / np.sqrt(len(bound))
    if bound.mean() - exact.sum() > _ERRORS * error + 1e-3 * (1 + abs(exact.sum())):
        yield Mistake(
            f"the ELBO of the batch is {bound.mean():.6g}, above log p(x) = {exact.sum():.6g} from "
            f"{source}; one of the two is wrong. Often a density is counted twice or left out, or "
            "a guide's density does not belong to its draw."
        )


@check(needs=_NEEDS)
def evidence_met_by_weights(context: Context) -> Iterator[Mistake]:
    """Importance weights average to the exact evidence."""
    exact, source = evidence(context)
    _, log_w = _bounds(context)
    ratio = np.exp(log_w - exact)  # its mean is 1 for each row
    error = ratio.std(axis=0, ddof=1) / np.sqrt(len(ratio))
    if (error > 0.1 * np.minimum(1, ratio.mean(0))).any():
        raise Skip("the weights vary too much to tell; train first, then check again.")
    # Of ratios that do vary a standard error is itself uncertain.
    far = np.abs(ratio.mean(0) - 1) > 2 * _ERRORS * error + 1e-2
    if far.any():
        row = int(far.argmax())
        yield Mistake(
            f"the weights of row {row} average to {ratio.mean(0)[row]:.4g} times p(x) from "
            f"{source}, "
            "not to 1; the model's density and that closed form disagree, or the guide's density "
            "does not belong to its draw."
        )


@check(needs=_NEEDS)
def bound_rises_with_particles(context: Context) -> Iterator[Mistake]:
    """The importance-weighted bound does not fall with more particles."""
    few, many = (bound.sum(1) for bound in _bounds(context))
    error = np.hypot(few.std(ddof=1), many.std(ddof=1)) / np.sqrt(len(few))
    if many.mean() < few.mean() - _ERRORS * error - 1e-3 * (1 + abs(few.mean())):
        yield Mistake(
            f"with {PARTICLES} particles the bound is {many.mean():.6g}, with one "
            f"{few.mean():.6g}; it should rise. Some operation mixes particles: networks must "
            "accept any leading dimensions, so reshape with x.shape[:-1], and reduce over "
            "negative dims only."
        )


@check(needs=("runs-together", "guide-proposes-all"))
def particles_at_once(context: Context) -> Iterator[Mistake]:
    """All particles go through the pair at once."""
    found = context.probe.obstacle(context.structure)
    if found is not None:
        yield Mistake(str(found), found.site, found.line, level="note")
