"""What `fit` accepts as an optimiser on Pyro, as a torch optimiser over given parameters."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from pyro.optim import PyroOptim
from pyro.optim.lr_scheduler import PyroLRScheduler
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau

from inference.descriptions import said
from inference.errors import ArgumentError
from inference.literals import spelled
from inference.program.schedules import check_factor, multiplier


def build_optimiser(
    optimiser: Any, learning_rate: float | None, parameters: Iterable[torch.Tensor]
) -> torch.optim.Optimizer:
    """A torch optimiser over `parameters`.

    Args:
        optimiser: None for Adam; a torch.optim class; a `functools.partial` of one; an instance,
            whose settings are taken over; a `pyro.optim` object; or the name of a torch.optim
            class with settings, such as `"adam:betas=(0.5,0.999)"`.
        learning_rate: overrides the optimiser's own; 1e-3 for Adam where neither is given.
        parameters: the leaf tensors to train.

    Raises:
        ArgumentError: if it is none of these.
    """
    if isinstance(optimiser, str):
        optimiser = _named(optimiser)
    parameters = list(parameters)
    settings: dict[str, Any] = {} if learning_rate is None else {"lr": learning_rate}
    if optimiser is None:
        return torch.optim.Adam(parameters, lr=settings.get("lr", 1e-3), fused=True)
    if isinstance(optimiser, torch.optim.Optimizer):
        if any(g[k] != v for g in optimiser.param_groups for k, v in optimiser.defaults.items()):
            raise ArgumentError(
                "optimizer= has settings of its own for some parameter groups, which fit cannot "
                "take over; pass an optimizer with one set of settings."
            )
        accepted = inspect.signature(type(optimiser)).parameters
        own = {name: value for name, value in optimiser.defaults.items() if name in accepted}
        return _made("optimizer", type(optimiser), parameters, **(own | settings))
    if isinstance(optimiser, PyroOptim):
        own = optimiser.pt_optim_args
        if isinstance(optimiser, PyroLRScheduler):
            raise ArgumentError(
                "optimizer= is a pyro.optim object with a scheduler; pass this as schedule= of fit "
                "instead."
            )
        constructor: Any = optimiser.pt_optim_constructor
        if not callable(own):
            made = _made("optimizer", constructor, parameters, **(own | settings))
            return _clipping(made, optimiser)
        if settings:
            raise ArgumentError(
                "learning_rate= does not go with optimizer=, a pyro.optim object with arguments "
                "for each parameter; leave it out."
            )
        made = _made("optimizer", constructor, parameter_groups(optimiser, parameters))
        return _clipping(made, optimiser)
    constructor = optimiser.func if isinstance(optimiser, functools.partial) else optimiser
    if constructor is torch.optim.LBFGS:
        raise ArgumentError(
            "optimizer= is torch.optim.LBFGS, which evaluates the loss several times a step; use a "
            "first-order one such as torch.optim.Adam."
        )
    if isinstance(constructor, type) and issubclass(constructor, torch.optim.Optimizer):
        return _made("optimizer", optimiser, parameters, **settings)
    raise ArgumentError(
        "optimizer= of a Pyro pair must be a torch.optim class, a functools.partial of one, an "
        f"instance, or a pyro.optim object; got {type(optimiser).__name__}."
    )


def _clipping(made: torch.optim.Optimizer, given: PyroOptim) -> torch.optim.Optimizer:
    """The optimiser, which first clips each parameter's gradient apart, as its `clip_args` say."""
    clips: dict[torch.Tensor, Any] = {}

    def clip(stepping: torch.optim.Optimizer, *_: Any) -> None:
        for parameter in (p for group in stepping.param_groups for p in group["params"]):
            if parameter not in clips:
                clips[parameter] = given._get_grad_clip(parameter)
            if clips[parameter] is not None and parameter.grad is not None:
                clips[parameter](parameter)

    if given.pt_clip_args:
        made.register_step_pre_hook(clip)
    return made


def _made(name: str, constructor: Callable[..., Any], *args: Any, **settings: Any) -> Any:
    """What torch makes of an argument of `fit`.

    Raises:
        ArgumentError: if it refuses the settings, or needs others.
    """
    try:
        return constructor(*args, **settings)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"{name}= cannot be made: {said(error)}. Give it settings that torch takes, for "
            f"example functools.partial({_EXAMPLES[name]})."
        ) from error


_EXAMPLES = {
    "optimizer": "torch.optim.Adam, betas=(0.5, 0.999)",
    "schedule": "torch.optim.lr_scheduler.StepLR, step_size=1000",
}


def _named(text: str) -> Any:
    known = {
        name.lower(): each for name, each in vars(torch.optim).items() if isinstance(each, type)
    }
    try:
        name, settings = spelled(text)
        constructor = known[name.lower()]
        inspect.signature(constructor).bind([], **settings)
    except (ValueError, TypeError, KeyError) as error:
        raise ArgumentError(
            f"optimizer={text!r} is no class of torch.optim with settings of its own, such as "
            f"'adam:betas=(0.5,0.999)': {str(error).rstrip('.')}."
        ) from error
    return functools.partial(constructor, **settings)


def parameter_groups(optimiser: Any, parameters: Iterable[torch.Tensor]) -> list[dict[str, Any]]:
    """The parameters in groups of one set of settings each, for `add_param_group`.

    Args:
        optimiser: what `fit` was given; a `pyro.optim` object may have a function from the name of
            a parameter to its settings.
        parameters: tensors of the parameter store.
    """
    if isinstance(optimiser, PyroOptim) and callable(optimiser.pt_optim_args):
        return [{"params": [each], **optimiser._get_optim_args(each)} for each in parameters]  # pyright: ignore[reportArgumentType]
    return [{"params": list(parameters)}]


def build_schedule(
    schedule: Any, optimiser: torch.optim.Optimizer, total_steps: int | None
) -> LRScheduler | None:
    """A torch scheduler that is stepped once after every gradient step; None for a constant rate.

    Args:
        schedule: a name or function (see `inference.program.schedules.multiplier`), or a
            torch.optim.lr_scheduler class or `functools.partial` of one.
        optimiser: the optimiser that it drives.
        total_steps: the number of steps of the whole run, if it is known.
    """
    made: Callable[..., Any] = (
        schedule.func if isinstance(schedule, functools.partial) else schedule
    )
    if made is ReduceLROnPlateau:
        raise ArgumentError(
            "schedule= is ReduceLROnPlateau, which needs a metric at each step; use patience=, or "
            "a schedule that is a function of the step."
        )
    if isinstance(made, type) and issubclass(made, LRScheduler):
        return _made("schedule", schedule, optimiser)
    if isinstance(schedule, LRScheduler):
        raise ArgumentError(
            "schedule= is bound to another optimiser; pass the class or a functools.partial, for "
            "example partial(torch.optim.lr_scheduler.StepLR, step_size=1000)."
        )
    factor = multiplier(schedule, total_steps, math.cos)
    if factor is None:
        return None
    return LambdaLR(optimiser, lambda step: check_factor(factor(step), step))
