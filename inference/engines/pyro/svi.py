"""An objective as a loss of `pyro.infer.SVI`, on whatever batch it is called."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from pyro import poutine
from torch import Tensor

from inference.engines.pyro.inspection import inspect, look, shapes_of, with_parents
from inference.engines.pyro.isolation import Kept, forget, random_states
from inference.engines.pyro.memory import Look, memory_of
from inference.engines.pyro.particles import vectorises
from inference.engines.pyro.program import PyroProgram
from inference.engines.pyro.traces import proposing
from inference.errors import ObjectiveError
from inference.program.batches import leading
from inference.program.program import OtherSitesError
from inference.program.structure import Structure
from inference.program.surrogate import scalar_of


def loss(
    objective: Any, model: Callable[..., Any], guide: Callable[..., Any], *args: Any, **kwargs: Any
) -> Tensor:
    """The negative surrogate of an objective, for `pyro.infer.SVI`."""
    scalar = partial(scalar_of, objective)
    memory = memory_of(objective)
    if not (memory.asked or memory.asked_of == (model, guide)):
        _ask_of_values(objective, model, guide, args, kwargs)
        memory.asked_of = model, guide
    return -_of_this_draw(scalar, objective, model, guide, args, kwargs)


def _ask_of_values(
    objective: Any,
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> None:
    """Ask what only values tell, once, of arrays by position; whoever traces sees nothing of it."""
    if kwargs or objective.keeps or not all(isinstance(arg, Tensor) for arg in args):
        return
    try:
        with poutine.block(), random_states():
            rows = tuple(arg.detach().cpu().numpy() for arg in args)
            found = inspect(model, guide, args, {})
            objective.ask_of_values("pyro", (model, guide), rows, found)
    except ObjectiveError:
        raise
    except Exception:  # whatever it is, the step meets it next, or does without
        return


def bound(
    objective: Any, model: Callable[..., Any], guide: Callable[..., Any], *args: Any
) -> Tensor:
    """The bound of an objective on a batch, for evaluation."""
    return _of_this_draw(objective.bound, objective, model, guide, args, {})


def _of_this_draw(
    value: Callable[[PyroProgram], Tensor],
    objective: Any,
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Tensor:
    """A value of an objective; its structure is that of this batch, and of this draw.

    Where the pair draws other sites than when it was looked at, since the batch has others or a
    draw decides, it is looked at again from the same random state: so the draw is the same too,
    and none is left out for its sites.
    """
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()
    try:
        return value(program(objective, model, guide, args, kwargs))
    except OtherSitesError:
        torch.set_rng_state(before[0])
        random.setstate(before[1])
        np.random.set_state(before[2])
        return value(program(objective, model, guide, args, kwargs, anew=True))


def attach(objective: Any, model: Callable[..., Any], guide: Callable[..., Any]) -> Any:
    """The guide itself: Pyro's SVI finds what an objective owns without being told."""
    return guide


def program(
    objective: Any,
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    *,
    anew: bool = False,
) -> PyroProgram:
    """A program on a batch, checked against the objective.

    The structure of the last pairs and batch shapes is remembered, because to find it costs some
    runs of the pair.

    Args:
        objective: the objective.
        model: the model.
        guide: the guide.
        args: what they take by position.
        kwargs: what they take by name.
        anew: whether to look again at what is remembered.
    """
    model, guide = (leading(function, objective.keeps) for function in (model, guide))
    known = _look(objective, model, guide, args, kwargs, anew=anew)
    forget(known.transforms)  # the parameters have moved since they saw these data
    owner = memory_of(objective).owner(model, guide) if objective.owns else 0

    def elsewhere(batch: tuple[Any, ...]) -> tuple[Structure, bool]:
        found = _look(objective, model, guide, batch, kwargs)
        return found.structure, found.vectorised

    return PyroProgram(
        model,
        proposing(guide),
        args,
        kwargs,
        known.structure,
        vectorised=known.vectorised,
        owner=owner,
        elsewhere=elsewhere,
    )


def _look(
    objective: Any,
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    *,
    anew: bool = False,
) -> Look:
    """What is remembered of a pair on such batches, or is found now."""
    memory, key = memory_of(objective), (model, guide, *shapes_of(args, kwargs))
    if anew:
        memory.forget(key)
    known = memory.look(key)
    if known is not None:
        return known
    guide = proposing(guide)
    found, transforms = look(model, guide, args, kwargs)
    structure = objective.require(found)
    if structure.follows_scores:
        structure = with_parents(structure, model, guide, args, kwargs)
    several = getattr(objective, "num_particles", None) != 1
    vectorised = vectorises(model, guide, args, kwargs, structure, several=several)
    layers = [(layer, layer.training) for layer in Kept((model, guide)).modules]
    known = Look(key, structure, vectorised, transforms, layers)
    memory.keep(known)
    return known
