"""Importance weights of many draws per datum, summed in sets that memory has room for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.data.rows import Arrays, slices
from inference.errors import DivergenceError, PairError

Array = NDArray[Any]


class LogSums:
    """log of the sums of K weights and of their squares, for each of N data.

    Attributes:
        count: K, the same for all data.
    """

    def __init__(self) -> None:
        self.count = 0
        self._parts: dict[int, tuple[Array, Array]] = {}

    def add(self, place: int, found: tuple[Array, Array]) -> None:
        """Add what an engine's `log_weights` gave for the data from this row on."""
        kept = self._parts.get(place, (-np.inf, -np.inf))
        total, squares = (np.logaddexp(*pair) for pair in zip(kept, found, strict=True))
        self._parts[place] = total, squares

    def log_means(self) -> NDArray[np.float64]:
        """The estimate of log p(x) of each datum, shape (N,)."""
        return self._joined()[0] - math.log(self.count)

    def errors(self) -> tuple[float, float]:
        """What the mean of the estimates is off by for want of draws, as the weights have it.

        By the delta method, with effective sample sizes E_n = (sum_k w_k)^2 / sum_k w_k^2, the
        variance of an estimate is v_n = 1 / E_n - 1 / K and its bias -v_n / 2.

        Returns:
            The mean's standard error over other draws, (sum_n v_n)^(1/2) / N, and its bias,
            -sum_n v_n / (2 N), in nats; inf and -inf where a datum has no weight above zero.
        """
        sums, squares = self._joined()
        if np.isneginf(sums).any():
            return math.inf, -math.inf
        total = float(np.maximum(np.exp(squares - 2 * sums) - 1 / self.count, 0.0).sum())
        return math.sqrt(total) / len(sums), -total / 2 / len(sums)

    def is_near(self, until: float) -> bool:
        """Whether error and bias together, the root of the sum of their squares, are so small."""
        return math.hypot(*self.errors()) <= until

    def _joined(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        sums, squares = zip(*self._parts.values(), strict=True)
        return np.concatenate(sums).astype(np.float64), np.concatenate(squares).astype(np.float64)


def weigh(
    sums: LogSums,
    weights: Any,
    arrays: Arrays,
    num_particles: int,
    *,
    rows: int,
    chunk_size: int,
    draws: int | None = None,
    held: Mapping[str, Array] | None = None,
) -> None:
    """Add so many draws for every datum.

    Args:
        sums: what they are added to.
        weights: an engine's `log_weights`.
        arrays: the data.
        num_particles: how many draws.
        rows: data at once.
        chunk_size: largest number of draws times data at once.
        draws: draws at once, if fewer than there is room for.
        held: latents at given values of each datum; the weights are then those of p(x, held).

    Raises:
        PairError: if the model observes other rows than it is given.
        DivergenceError: if a weight is not a number, naming the first such row.
    """
    for number, part in enumerate(slices(len(arrays[0]), rows)):
        batch = tuple(array[part] for array in arrays)
        own = None if held is None else {name: value[part] for name, value in held.items()}
        most = draws or max(1, chunk_size // len(batch[0]))
        for place, some in enumerate(slices(num_particles, most)):
            # Chunks of data and sets of draws, earlier ones too, have random numbers of their own.
            at = (number, sums.count + place)
            found = weights(batch, some.stop - some.start, at, own)
            if len(found[0]) not in (1, len(batch[0])):
                raise PairError(
                    f"the model has {len(found[0])} densities for {len(batch[0])} row(s) of the "
                    "data: what it observes is not cut with them. Hand it over as an argument of "
                    "model and guide, in place of a closure or a handler that holds all of it."
                )
            _check_numbers(found[0], part.start)
            sums.add(part.start, found)
    sums.count += num_particles


def _check_numbers(found: Array, first: int) -> None:
    """Refuse sums of weights that are not numbers, as where an overflow took one from another.

    Args:
        found: of the data from a row on, or one for all of them.
        first: that row.

    Raises:
        DivergenceError: naming the first row.
    """
    wrong = np.isnan(found)
    if wrong.any():
        raise DivergenceError(
            "the weight p(x, z) / q(z | x) of a draw of the guide is not a number for row "
            f"{first + int(np.argmax(wrong))} of x. Check the pair's parameters, and where a scale "
            "or rate overflows: check_pair(pair, x) names the site."
        )
