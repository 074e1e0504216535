"""What a topic model is made of, checked, and where its guide begins."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppl_models.networks.arguments import check_seed


def topics_start(size: tuple[int, int], seed: int) -> NDArray[np.float32]:
    """Logarithms of nearly equal concentrations, (K, V), so that topics can part."""
    random = np.random.default_rng(check_seed(seed))
    return np.log(random.gamma(20.0, 1 / 20, size=size)).astype(np.float32)


def check_counts(x: Any, of: str = "words") -> None:
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
