"""What is kept of an objective between its steps: what it owns beside a pair, and looks at pairs.

It is kept here, by the objective's identity and for as long as the objective lives, not on it: a
copy begins anew, and what is pickled is the objective alone.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch

from inference.program.batches import whole
from inference.program.structure import Structure

_KEPT = 4  # looks: at training and validation batches, whole and last ones
_numbers = itertools.count()


@dataclass(frozen=True)
class Look:
    """What a look at a pair found, which holds for batches of these shapes in these modes.

    Attributes:
        key: model, guide, and the shapes of what they take.
        structure: the sites and plates, as the objective looks at them.
        vectorised: whether particles ride on a plate of their own.
        transforms: of the pair's flows.
        layers: of the pair's networks, with their modes.
    """

    key: Any
    structure: Structure
    vectorised: bool
    transforms: list[Any]
    layers: list[tuple[torch.nn.Module, bool]]

    def holds(self, key: Any) -> bool:
        """Whether a batch is of this kind; normalisation mixes rows in training mode only."""
        return self.key == key and all(layer.training == mode for layer, mode in self.layers)


@dataclass
class Memory:
    """What is kept of one objective.

    Attributes:
        owners: the pairs beside which it owns something, each with a number; programs need not be
            hashable.
        looks: the last ones, the newest first.
        asked: whether nothing is to be asked of values: `fit` has done so, or a noise is measured.
        asked_of: the last pair of which it was.
    """

    owners: list[tuple[Any, int]] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    asked: bool = False
    asked_of: tuple[Any, Any] | None = None

    def owner(self, model: Callable[..., Any], guide: Callable[..., Any]) -> int:
        """A number for what the objective owns beside one pair."""
        model, guide = whole(model), whole(guide)
        for pair, number in self.owners:
            if pair == (model, guide):
                return number
        self.owners.append(((model, guide), next(_numbers)))
        return self.owners[-1][1]

    def release(self, model: Callable[..., Any], guide: Callable[..., Any]) -> None:
        """Forget what is owned beside a pair, so that the pair can be freed."""
        model, guide = whole(model), whole(guide)
        self.owners[:] = [entry for entry in self.owners if entry[0] != (model, guide)]
        self.asked = False

    def look(self, key: Any) -> Look | None:
        """The look that holds for a batch; None if there is none."""
        return next((look for look in self.looks if look.holds(key)), None)

    def keep(self, look: Look) -> None:
        """Remember a look in place of the oldest."""
        self.looks[:] = [look, *self.looks[: _KEPT - 1]]

    def forget(self, key: Any) -> None:
        """Drop what is remembered of such batches."""
        self.looks[:] = [look for look in self.looks if not look.holds(key)]


_memories: dict[int, Memory] = {}  # by identity: a user's objective may say what it is equal to


def memory_of(objective: Any) -> Memory:
    """What is kept of an objective."""
    known = _memories.get(id(objective))
    return _kept(objective, Memory()) if known is None else known


def share(objective: Any, turns: Iterable[Any]) -> None:
    """Let copies of an objective, one for each of its phases, own the same things."""
    for turn in turns:
        if turn is not objective:
            _kept(turn, Memory(memory_of(objective).owners, asked=memory_of(objective).asked))


def _kept(objective: Any, memory: Memory) -> Memory:
    if id(objective) not in _memories:
        weakref.finalize(objective, _memories.pop, id(objective), None).atexit = False
    _memories[id(objective)] = memory
    return memory
