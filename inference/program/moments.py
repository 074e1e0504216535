"""Moments of many gradients, streamed: memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class GradientMoments:
    """Moments of the gradients of one loss at fixed parameters, by blocks of independent draws.

    Attributes:
        means: by parameter, the mean gradient of each block, (blocks, ...).
        squares: by parameter, each block's sum of squared deviations from its mean, (blocks, ...).
        losses: the mean loss of each block, (blocks,).
        seconds: wall-clock seconds of one gradient, the mean of each block, (blocks,); without
            compilation.
        block_size: gradients in a block.
    """

    means: Mapping[str, NDArray[np.float64]]
    squares: Mapping[str, NDArray[np.float64]]
    losses: NDArray[np.float64]
    seconds: NDArray[np.float64]
    block_size: int

    @property
    def draws(self) -> int:
        """Gradients in all."""
        return len(self.losses) * self.block_size


def welford(count: Any, mean: Any, squares: Any, value: Any) -> tuple[Any, Any]:
    """Mean and sum of squared deviations with one more value, in arrays of any library.

    Args:
        count: how many values there are with this one.
        mean: the mean before.
        squares: the sum of squared deviations before.
        value: the new value.

    References:
        Welford 1962, Technometrics 4(3).
    """
    from_old = value - mean
    mean = mean + from_old / count
    return mean, squares + from_old * (value - mean)
