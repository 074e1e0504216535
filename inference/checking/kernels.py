"""Checks of densities that are known up to a constant: their kernels."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from scipy.stats import chi2

from inference.checking.context import Context
from inference.checking.definition import Mistake, Skip, check
from inference.errors import ObjectiveError

_UNITS = 10  # all of whose states are summed
_CHAINS = 20_000
_RATE = 1e-9  # of false alarms
_FEWEST = 5.0  # expected draws of a state that counts by itself


@check(needs=("runs-together", "model-draws"))
def kernel_leaves_density(context: Context) -> Iterator[Mistake]:
    """One step of a kernel takes draws of its density to draws of its density."""
    sites = [site for site in context.structure.model.values() if site.kernel]
    if not sites:
        raise Skip("no site is drawn by a Markov chain.")
    if any(site.sequential for site in sites):
        raise Skip("steps are drawn given those before them, which a kernel holds.")
    try:
        tempered = context.probe.tempering()
    except ObjectiveError as error:
        raise Skip(str(error)) from error
    site = context.structure.model[tempered.name]
    count = int(np.prod(site.event_shape))
    if site.support != "boolean" or count > _UNITS:
        raise Skip(
            f"{site.name!r} has more states than can be summed, {_UNITS} binary units; check a "
            "pair with fewer.",
            site.name,
        )
    states = np.array(list(itertools.product((0.0, 1.0), repeat=count)), np.float32)
    log_p = tempered.log_density(states.reshape(-1, *site.event_shape))
    chances = np.exp(log_p - np.logaddexp.reduce(log_p))
    begun = np.random.default_rng(0).choice(len(states), _CHAINS, p=chances)
    ends = tempered.move(states[begun].reshape(-1, *site.event_shape), 1, 0)
    values = ends.reshape(len(ends), -1)
    if not np.isin(values, (0, 1)).all():
        yield Mistake(
            f"a step of the kernel of {site.name!r} takes binary units to other values, such as "
            f"{values[~np.isin(values, (0, 1))][0]:.4g}; let it draw them, not give their chances.",
            site.name,
            context.line(site.name),
        )
        return
    seen = np.bincount((values @ 2 ** np.arange(count)[::-1]).astype(int), minlength=len(states))
    often = chances * _CHAINS >= _FEWEST
    # The start is a draw too, so that the counts of both ends vary.
    start = np.bincount(begun, minlength=len(states))
    expected, found = _pooled(start, often), _pooled(seen, often)
    distance = ((found - expected) ** 2 / np.maximum(found + expected, 1)).sum()
    if distance > chi2.isf(_RATE, len(found)):
        worst = int(np.argmax(abs(seen - start)))
        yield Mistake(
            f"a step of the kernel of {site.name!r} does not leave its density as it is: of "
            f"{_CHAINS} draws {start[worst]} are {states[worst].astype(int)} before and "
            f"{seen[worst]} after it. Draw each part given the others under the same density, from "
            "random numbers of its own.",
            site.name,
            context.line(site.name),
        )


def _pooled(counts: np.ndarray, often: np.ndarray) -> np.ndarray:
    """The counts of frequent states, and of all others together."""
    return np.append(counts[often], counts[~often].sum()).astype(float)
