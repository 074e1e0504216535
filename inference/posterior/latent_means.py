"""The guide's mean of each latent, row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.data.call import as_called, unpacked
from inference.data.rows import Arrays
from inference.pairs import explaining, fitted_on
from inference.program.engine import Engine

_AVERAGED = 400


def latent_means(
    backend: Engine, pair: Any, arrays: Arrays, seed: int, what: str, num_draws: int = _AVERAGED
) -> dict[str, NDArray[Any]]:
    """The guide's mean of each latent for every row, by site.

    Args:
        backend: the pair's engine.
        pair: the pair.
        arrays: what it takes, a row for each datum.
        seed: seed of draws.
        what: who asks, in errors.
        num_draws: how many are averaged where the guide's distribution says no mean.

    Raises:
        ObjectiveError: if a plate of the guide takes a part of the rows, others in each run.
    """
    settings = {"rng_seed": seed, "num_draws": num_draws}
    found = explaining(lambda rows: backend.encode(pair, *rows, **settings), arrays)
    rows = np.shape(arrays[0])[:1]  # a single number has none
    if any(np.shape(mean)[:1] != rows for mean in found.values()):
        backend.structure(pair, arrays).check_takes_all(what)
    return found


def latent_means_at(
    fitted: Any, given: tuple[Any, ...], seed: int, what: str
) -> dict[str, NDArray[Any]]:
    """The same, given whatever the pair takes: numbers, dictionaries, arguments by name."""
    found = fitted_on(fitted, as_called(getattr(fitted, "pair", fitted), unpacked(given)))
    return latent_means(found.backend, found.pair, found.arrays, seed, what)


def are_arrays(given: tuple[Any, ...]) -> bool:
    """Whether a pair is given arrays alone; a string alone is a data set's name, given for one."""
    given = unpacked(given)
    return (len(given) == 1 and isinstance(given[0], str)) or all(
        hasattr(each, "__array__") for each in given
    )
