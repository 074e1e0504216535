"""Rows of counts, checked, and where the guide of a topic model begins."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ppl_models._pair import Pair
from ppl_models.networks.arguments import check_seed


class Counts(Pair):
    """A pair whose rows are counts.

    Attributes:
        counted: what is counted, in messages.
    """

    counted: ClassVar[str] = "words"

    def check_batch(self, *arrays: Any) -> None:
        """Refuse rows that are no counts."""
        check_counts(arrays[0], self.counted)


def topics_start(size: tuple[int, int], seed: int) -> NDArray[np.float32]:
    """Logarithms of nearly equal concentrations, (K, V), so that topics can part."""
    random = np.random.default_rng(check_seed(seed))
    return np.log(random.gamma(20.0, 1 / 20, size=size)).astype(np.float32)


def check_counts(x: Any, of: str) -> None:
    """Refuse data that are no counts.

    Args:
        x: the data.
        of: what is counted.

    Raises:
        ValueError: saying what came.
    """
    x = np.asarray(x, dtype=np.float64)
    if not ((x >= 0) & (x == np.round(x))).all():
        raise ValueError(f"x must hold counts of {of}: whole numbers, 0 or more.")
