"""Numbers that an adversarial step leaves for the next one, and whether they are finite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inference.program.program import Program

_SOUND, _BAD_DRAWS, _BAD_SCORES = 0.0, 1.0, 2.0  # what a step found


def note(program: Program, name: str, value: Any) -> None:
    """Keep a number that another phase, or nobody but the user, reads."""
    program.state(name, 0.0)  # so that it is known from the first step on
    program.keep(name, value)


def look(program: Program, drawn: Any, term: Any) -> None:
    """Note for `symptom` whether something is not finite."""
    bad_draws, bad_scores = (not_finite(part.sum(), program) for part in (drawn, term))
    kind = program.ops.where(bad_draws > 0, _BAD_DRAWS, bad_scores * _BAD_SCORES)
    note(program, "trouble", kind)


def symptom(carried: Mapping[str, Any]) -> str:
    """What was not finite in the last step."""
    trouble = float(carried.get("trouble", _SOUND))
    if trouble == _BAD_DRAWS:
        return "the model's draws of the data are NaN or infinite"
    if trouble == _BAD_SCORES:
        return "the critic's scores, or their slope, are NaN or infinite"
    return ""


def not_finite(number: Any, program: Program) -> Any:
    """1 if it is NaN or infinite, else 0."""
    return program.ops.where(number - number == 0, 0.0, 1.0)
