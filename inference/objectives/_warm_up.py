"""A weight that grows from zero over the first steps of a run."""

from __future__ import annotations

from typing import Any

from inference.program.program import Program


def warmed_up(program: Program, value: float, steps: int) -> Any:
    """value * min(1, t / steps) at the t-th step, which is kept and resumed with the run."""
    if not steps:
        return value
    step = program.state("step", 0.0)
    program.keep("step", step + 1)
    ramp = step / steps
    return value * program.ops.where(ramp < 1, ramp, 1.0)
