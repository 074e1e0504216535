"""The guide's mean of each latent, row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.data.rows import Arrays
from inference.pairs import explaining
from inference.program.engine import Engine


def latent_means(
    backend: Engine, pair: Any, arrays: Arrays, seed: int, what: str
) -> dict[str, NDArray[Any]]:
    """The guide's mean of each latent for every row, by site.

    Raises:
        ObjectiveError: if a plate of the guide takes a part of the rows, others in each run.
    """
    found = explaining(lambda rows: backend.encode(pair, *rows, rng_seed=seed), arrays)
    if any(np.shape(mean)[:1] != (len(arrays[0]),) for mean in found.values()):
        backend.structure(pair, arrays).check_takes_all(what)
    return found
