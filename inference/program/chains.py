"""What Markov chains leave behind, in arrays of no framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class Chains:
    """C chains of S draws.

    Attributes:
        draws: the latents, and what the model computes from them with a `deterministic` statement,
            by site, each (C, S, *batch, *event).
        statistics: `diverging`, `acceptance_rate`, `n_steps`, and `energy`, each (C, S), under
            ArviZ's names.
        held: the model's parameters, which are not sampled.
        summed: discrete latents that are summed over, and so have no draws.
    """

    draws: Mapping[str, NDArray[Any]]
    statistics: Mapping[str, NDArray[Any]]
    held: tuple[str, ...]
    summed: tuple[str, ...]
