"""Checks of densities that are known up to a constant: kernels, temperatures, conditionals."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from inference.checking.context import Context
from inference.checking.definition import Mistake, Skip, check
from inference.errors import ObjectiveError
from inference.program.energy_conditions import check_ends
from inference.program.instruments import Tempering

_UNITS = 10  # all of whose states are summed
_CHAINS = 20_000
_RATE = 1e-9  # of false alarms
_FEWEST = 5.0  # expected draws of a state that counts by itself
_ROWS, _PLACES = 20, 8  # values, and entries of them, at which laws are compared
_CLOSE, _NEAR = 1e-4, 2e-3  # nats, of each where there are more
_STEP = 0.1  # by which a real entry changes


@check(needs=("runs-together", "model-draws"))
def kernel_leaves_density(context: Context) -> Iterator[Mistake]:
    """One step of a kernel takes draws of its density to draws of its density."""
    tempered = _tempering(context)
    yield from _moved(context, tempered, _states(context, tempered))


@check(needs=("kernel-leaves-density",))
def temperatures_lead_to_density(context: Context) -> Iterator[Mistake]:
    """Laws between a base and a density begin and end there, and have kernels of their own."""
    tempered = _tempering(context)
    line = context.line(tempered.name)
    try:
        constant = tempered.base_log_partition("data")
    except (ObjectiveError, ValueError) as error:  # it has none, or not this one
        raise Skip(str(error), tempered.name) from error
    try:
        check_ends(tempered, "data", tempered.begin("data", _ROWS, 0))
    except ObjectiveError as error:
        yield Mistake(str(error), tempered.name, line)
        return
    states = _states(context, tempered)
    constants: list[tuple[str, float | None, float]] = [("the base of ", 0.0, constant)]
    if not tempered.normalised:
        with contextlib.suppress(ValueError):  # it has none, or too many terms
            constants.append(("", None, tempered.log_partition()))
    for whose, beta, said in constants:
        summed = float(np.logaddexp.reduce(tempered.log_density(states, beta)))
        if not abs(summed - said) <= _CLOSE * max(1.0, abs(summed)):
            yield Mistake(
                f"log_partition() of {whose}{tempered.name!r} is {said:.5g}, and the sum over all "
                f"its states {summed:.5g}: likelihoods are as far off. Let it be the log of the "
                "sum of exp(log_prob) over the states.",
                tempered.name,
                line,
            )
            return
    yield from _moved(context, tempered, states, 0.5)


@check(needs=("runs-together", "model-draws"))
def conditionals_are_the_densitys(context: Context) -> Iterator[Mistake]:
    """log_conditionals(value) differ by as much as the density does where one entry changes."""
    tempered = _tempering(context)
    value = tempered.draw(_ROWS, 0).astype(np.float32)
    here = tempered.log_conditionals(value)
    if here is None:
        raise Skip("it has no log_conditionals(value).", tempered.name)
    density, flat = tempered.log_density(value), value.reshape(len(value), -1)
    binary = context.structure.model[tempered.name].support == "boolean"
    for place in range(min(flat.shape[1], _PLACES)):
        other = flat.copy()
        other[:, place] = 1 - flat[:, place] if binary else flat[:, place] + _STEP
        moved = other.reshape(value.shape)
        there: Any = tempered.log_conditionals(moved)
        said = (there - here).reshape(len(value), -1)[:, place]
        found = tempered.log_density(moved) - density
        wrong = ~(abs(said - found) <= _NEAR * np.maximum(1.0, abs(density)))
        if wrong.any():
            yield Mistake(
                f"log_conditionals of {tempered.name!r} says that a change of entry {place} makes "
                f"it {said[wrong][0]:.4g} nats likelier given all others, and log_prob that it is "
                f"{found[wrong][0]:.4g}: pseudo-likelihoods are of another density. Return "
                "log p(entry | all others) of each entry, which is log_prob of the row less its "
                "log sum over the values of that entry.",
                tempered.name,
                context.line(tempered.name),
            )
            return


def _tempering(context: Context) -> Tempering:
    """The site that has a kernel."""
    sites = [site for site in context.structure.model.values() if site.kernel]
    if not sites:
        raise Skip("no site is drawn by a Markov chain.")
    if any(site.sequential for site in sites):
        raise Skip("steps are drawn given those before them, which a kernel holds.")
    try:
        return context.probe.tempering()
    except ObjectiveError as error:
        raise Skip(str(error)) from error


def _states(context: Context, tempered: Tempering) -> NDArray[Any]:
    """All states of few binary units, (2^D, *event)."""
    site = context.structure.model[tempered.name]
    count = int(np.prod(site.event_shape))
    if site.support != "boolean" or count > _UNITS:
        raise Skip(
            f"{site.name!r} has more states than can be summed, {_UNITS} binary units; check a "
            "pair with fewer.",
            site.name,
        )
    states = np.array(list(itertools.product((0.0, 1.0), repeat=count)), np.float32)
    return states.reshape(-1, *site.event_shape)


def _moved(
    context: Context, tempered: Tempering, states: NDArray[Any], beta: float | None = None
) -> Iterator[Mistake]:
    """What a step of the kernel does to draws of its density, or of that of a temperature."""
    name, line = tempered.name, context.line(tempered.name)
    whose = (
        f"the kernel of {name!r}"
        if beta is None
        else f"the kernel of {name!r}, tempered({beta}, base),"
    )
    log_p = tempered.log_density(states, beta)
    chances = np.exp(log_p - np.logaddexp.reduce(log_p))
    begun = np.random.default_rng(0).choice(len(states), _CHAINS, p=chances)
    ends = tempered.move(states[begun], 1, 0, beta)
    values = ends.reshape(len(ends), -1)
    if not np.isin(values, (0, 1)).all():
        yield Mistake(
            f"a step of {whose} takes binary units to other values, such as "
            f"{values[~np.isin(values, (0, 1))][0]:.4g}; let it draw them, not give their chances.",
            name,
            line,
        )
        return
    place = 2 ** np.arange(values.shape[1])[::-1]
    seen = np.bincount((values @ place).astype(int), minlength=len(states))
    often = chances * _CHAINS >= _FEWEST
    # The start is a draw too, so that the counts of both ends vary.
    start = np.bincount(begun, minlength=len(states))
    expected, found = _pooled(start, often), _pooled(seen, often)
    distance = ((found - expected) ** 2 / np.maximum(found + expected, 1)).sum()
    if distance > chi2.isf(_RATE, len(found)):
        worst = int(np.argmax(abs(seen - start)))
        yield Mistake(
            f"a step of {whose} does not leave its density as it is: of "
            f"{_CHAINS} draws {start[worst]} are {states[worst].astype(int)} before and "
            f"{seen[worst]} after it. Draw each part given the others under the same density, from "
            "random numbers of its own.",
            name,
            line,
        )


def _pooled(counts: np.ndarray, often: np.ndarray) -> np.ndarray:
    """The counts of frequent states, and of all others together."""
    return np.append(counts[often], counts[~often].sum()).astype(float)
