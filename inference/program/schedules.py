"""Learning-rate schedules by name, as multipliers of the learning rate."""

from __future__ import annotations

import contextlib
import math
import numbers
from collections.abc import Callable
from typing import Any

from inference.descriptions import has, raised, shown
from inference.errors import ArgumentError

SCHEDULES = ("constant", "cosine")


def multiplier(schedule: Any, total_steps: int | None, cosine: Callable[[Any], Any]) -> Any:
    """A function from the step to the factor on the learning rate; None for a constant rate.

    Args:
        schedule: None, `"constant"`, `"cosine"` (half a period, from 1 to 0 at the last step;
            Loshchilov & Hutter 2017, arXiv:1608.03983), or a function of the step.
        total_steps: the number of steps of the whole run, if it is known beforehand.
        cosine: the engine's cosine.

    Raises:
        ArgumentError: if the schedule is unknown or needs a number of steps that is not known.
    """
    named = schedule if isinstance(schedule, str) else ""
    if schedule is None or named == "constant":
        return None
    if named == "cosine":
        if total_steps is None:
            raise ArgumentError(
                "schedule='cosine' needs to know the last step; give steps=, or epochs= where the "
                "data are arrays."
            )
        return lambda step: 0.5 * (1 + cosine(3.141592653589793 * step / total_steps))
    if has(schedule, "model", "guide"):
        raise ArgumentError(
            f"schedule must be a function from the step to a factor on the learning rate; got a "
            f"pair, {shown(schedule)}. Pass the pair as the first argument."
        )
    if callable(schedule):
        for step in _probes(total_steps):
            try:
                factor = schedule(step)
            except (TypeError, AttributeError, NotImplementedError) as error:
                raise ArgumentError(
                    "schedule must be a function from the step to a factor on the learning rate, "
                    f"of this engine; at step {step} it raised {raised(error)}."
                ) from error
            check_factor(factor, step)
        return schedule
    raise ArgumentError(
        f"schedule must be one of {', '.join(SCHEDULES)} or a function from the step to a factor "
        f"on the learning rate; got {shown(schedule)}."
    )


def check_factor(factor: Any, step: int) -> float:
    """Check what a schedule says at a step.

    Raises:
        ArgumentError: if it is no finite number, or negative, which would climb the loss.
    """
    value = math.nan
    if isinstance(factor, numbers.Real) or getattr(factor, "shape", None) == ():
        with contextlib.suppress(TypeError, ValueError, RuntimeError):
            value = float(factor)
    if not math.isfinite(value) or value < 0:
        raise ArgumentError(
            "schedule must give a factor on the learning rate that is zero or positive at each "
            f"step, got {shown(factor)} at step {step}."
        )
    return value


def _probes(total_steps: int | None) -> list[int]:
    """Steps at which a schedule is looked at before training: the first, the last, powers of 10."""
    last = 10**6 if total_steps is None else max(total_steps - 1, 0)
    return sorted({0, last, *(10**power for power in range(7) if 10**power <= last)})
