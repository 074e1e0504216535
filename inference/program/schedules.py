"""Learning-rate schedules by name, as multipliers of the learning rate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
    if schedule is None or schedule == "constant":
        return None
    if schedule == "cosine":
        if total_steps is None:
            raise ArgumentError(
                "schedule='cosine' needs to know the last step; give steps=, or epochs= where the "
                "data are arrays."
            )
        return lambda step: 0.5 * (1 + cosine(3.141592653589793 * step / total_steps))
    if callable(schedule):
        return schedule
    raise ArgumentError(
        f"schedule must be one of {', '.join(SCHEDULES)} or a function from the step to a factor "
        f"on the learning rate; got {schedule!r}."
    )
