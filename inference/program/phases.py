"""Turns of training: who learns in which step, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from inference.errors import ObjectiveError

OWN, PAIR = "own", "pair"


@dataclass(frozen=True)
class Phase:
    """One step's turn in a cycle of turns.

    Attributes:
        name: what `Objective.during` calls it.
        trains: whose parameters move: what the objective owns (`"own"`), or the pair's.
        learning_rate: of these, or None for that of the run.
        clip: largest absolute value of one of these parameters after a step, or None.
    """

    name: str
    trains: Literal["own", "pair"] = PAIR
    learning_rate: float | None = None
    clip: float | None = None


@dataclass(frozen=True)
class Side:
    """How the parameters of one side learn where two take turns.

    Attributes:
        learning_rate: its step size, or None for the optimiser's own.
        total_steps: its last turn, if that is known; each side counts its own.
        clip: largest absolute value of one of its parameters, or None.
    """

    learning_rate: float | None
    total_steps: int | None
    clip: float | None


def side(
    phases: Sequence[Phase], trains: str, learning_rate: float | None, total_steps: int | None
) -> Side:
    """How one side learns in a cycle of phases.

    Args:
        phases: the cycle.
        trains: whose parameters: see `Phase`.
        learning_rate: of a side whose phases do not say it.
        total_steps: the run's last step, if it is known.

    Raises:
        ObjectiveError: if phases of the side differ in how they train it.
    """
    turns = [phase for phase in phases if phase.trains == trains]
    ways = {(phase.learning_rate, phase.clip) for phase in turns} or {(None, None)}
    if len(ways) > 1:
        names = ", ".join(dict.fromkeys(repr(phase.name) for phase in turns))
        raise ObjectiveError(
            f"the phases {names} all train the parameters {trains!r}, with other learning_rate or "
            "clip; a side has one optimiser, so give them the same."
        )
    own_rate, clip = ways.pop()
    cycles = None if total_steps is None else -(-total_steps // len(phases))
    steps = None if cycles is None else cycles * len(turns)
    return Side(learning_rate if own_rate is None else own_rate, steps, clip)
