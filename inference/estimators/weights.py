"""How many of K importance weights count."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import ObjectiveError, PairError
from inference.likelihood.conditions import check_scored
from inference.program.engine import Engine
from inference.program.per_datum import check_rows

_LEAST, _SETS, _ROWS = 1000, 20, 20_000  # draws per datum, sets of K, rows scored at a time


def effective_sample_sizes(
    backend: Engine, pair: Any, batch: tuple[NDArray[Any], ...], counts: list[int], seed: int
) -> dict[int, float]:
    """Mean over data and sets of K draws of (sum_k w_k)^2 / sum_k w_k^2, which is from 1 to K.

    It belongs to the guide, whatever the objective. NaN where there are no weights per datum: a
    latent that all data share, or one that the guide leaves out.

    Args:
        backend: the engine.
        pair: the pair.
        batch: what model and guide take.
        counts: every K.
        seed: seed of the draws.

    References:
        Kong, Liu & Wong 1994, Journal of the American Statistical Association 89.
    """
    try:
        check_rows(backend.structure(pair, batch), len(batch[0]), "effective_sample_sizes")
        check = check_scored("effective_sample_sizes", batch, weighed=True)
        weights = backend.log_weights(pair, check, batch, seed)
    except (ObjectiveError, PairError):
        return dict.fromkeys(counts, float("nan"))
    rows = len(batch[0])
    draws = max(_LEAST, _SETS * max(counts))
    copies = max(1, min(draws, _ROWS // rows))
    tiled = tuple(np.tile(array, (copies,) + (1,) * (array.ndim - 1)) for array in batch)
    parts = [weights(tiled, 1, (chunk, 0))[0] for chunk in range(-(-draws // copies))]
    log_w = np.concatenate(parts).astype(np.float64).reshape(-1, rows)  # (draws or more, N)
    return {count: float(_effective(log_w, count).mean()) for count in counts}


def _effective(log_w: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    sets = len(log_w) // count
    grouped = log_w[: sets * count].reshape(sets, count, -1)
    with np.errstate(invalid="ignore"):  # weights that are all zero have no effective size
        return np.exp(2 * np.logaddexp.reduce(grouped, 1) - np.logaddexp.reduce(2 * grouped, 1))
