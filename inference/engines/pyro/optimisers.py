"""What `fit` accepts as an optimiser on Pyro, as a torch optimiser over given parameters."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from pyro.optim import PyroOptim
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from inference.engines.optimisation import multiplier
from inference.errors import ArgumentError


def build_optimiser(
    optimiser: Any, learning_rate: float | None, parameters: Iterable[torch.Tensor]
) -> torch.optim.Optimizer:
    """A torch optimiser over `parameters`.

    Args:
        optimiser: None for Adam; a torch.optim class; a `functools.partial` of one; an instance,
            whose settings are taken over; or a `pyro.optim` object.
        learning_rate: overrides the optimiser's own; 1e-3 for Adam where neither is given.
        parameters: the leaf tensors to train.

    Raises:
        ArgumentError: if it is none of these.
    """
    parameters = list(parameters)
    settings: dict[str, Any] = {} if learning_rate is None else {"lr": learning_rate}
    if optimiser is None:
        return torch.optim.Adam(parameters, lr=settings.get("lr", 1e-3), fused=True)
    if isinstance(optimiser, torch.optim.Optimizer):
        accepted = inspect.signature(type(optimiser)).parameters
        own = {name: value for name, value in optimiser.defaults.items() if name in accepted}
        return type(optimiser)(parameters, **(own | settings))
    if isinstance(optimiser, PyroOptim):
        own = optimiser.pt_optim_args
        if callable(own):
            raise ArgumentError(
                "optimizer= is a pyro.optim object with per-parameter arguments; pass one with a "
                "dictionary of arguments."
            )
        return optimiser.pt_optim_constructor(parameters, **(own | settings))
    constructor = optimiser.func if isinstance(optimiser, functools.partial) else optimiser
    if isinstance(constructor, type) and issubclass(constructor, torch.optim.Optimizer):
        return optimiser(parameters, **settings)
    raise ArgumentError(
        "optimizer= of a Pyro pair must be a torch.optim class, a functools.partial of one, an "
        f"instance, or a pyro.optim object; got {type(optimiser).__name__}."
    )


def build_schedule(
    schedule: Any, optimiser: torch.optim.Optimizer, total_steps: int | None
) -> LRScheduler | None:
    """A torch scheduler that is stepped once after every gradient step; None for a constant rate.

    Args:
        schedule: a name or function (see `inference.engines.optimisation.multiplier`), or a
            torch.optim.lr_scheduler class or `functools.partial` of one.
        optimiser: the optimiser that it drives.
        total_steps: the number of steps of the whole run, if it is known.
    """
    made: Callable[..., Any] = schedule.func if isinstance(schedule, functools.partial) else schedule
    if isinstance(made, type) and issubclass(made, LRScheduler):
        return schedule(optimiser)
    if isinstance(schedule, LRScheduler):
        raise ArgumentError(
            "schedule= is bound to another optimiser; pass the class or a functools.partial, for "
            "example partial(torch.optim.lr_scheduler.StepLR, step_size=1000)."
        )
    factor = multiplier(schedule, total_steps, math.cos)
    return None if factor is None else LambdaLR(optimiser, factor)
